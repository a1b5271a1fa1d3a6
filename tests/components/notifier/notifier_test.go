// Package notifier runs Alertmanager's own inhibitor, dispatcher and notification pipeline, unmodified, in virtual time.
//
// It reads scenarios from standard input, one JSON document a line, and answers each with one line: every notification
// with its time, its receiver and the alerts in it that fire. It is a test because testing/synctest, which gives them a
// clock that jumps, wants one:
//
//	go test -c -o notifier . && ./notifier < scenarios.jsonl
package notifier

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"

	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/featurecontrol"
	"github.com/prometheus/alertmanager/inhibit"
	"github.com/prometheus/alertmanager/nflog"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/provider/mem"
	"github.com/prometheus/alertmanager/silence"
	"github.com/prometheus/alertmanager/timeinterval"
	"github.com/prometheus/alertmanager/types"
)

// Scenario is a configuration and the alerts that Prometheus sends. Times are milliseconds from the start.
type Scenario struct {
	Config string  `json:"config"`
	Alerts []Alert `json:"alerts"`
	End    int64   `json:"end"`
}

// Alert fires and is resolved.
type Alert struct {
	Labels   model.LabelSet `json:"labels"`
	Fired    int64          `json:"fired"`
	Resolved int64          `json:"resolved"`
}

// Sent is one notification.
type Sent struct {
	At       int64            `json:"at"`
	Receiver string           `json:"receiver"`
	Firing   []model.LabelSet `json:"firing"`
}

// Answer has the notifications in the order in which they were sent.
type Answer struct {
	Error string `json:"error"`
	Sent  []Sent `json:"sent"`
}

func TestNotifier(t *testing.T) {
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 1 {
			scenario, answer := &Scenario{}, &Answer{}
			if problem := json.Unmarshal(line, scenario); problem != nil {
				answer.Error = problem.Error()
			} else {
				synctest.Test(t, func(t *testing.T) { run(t, scenario, answer) })
			}
			if problem := out.Encode(answer); problem != nil {
				t.Fatal(problem)
			}
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

type receiver struct {
	name   string
	begin  time.Time
	answer *Answer
	lock   chan struct{}
}

func (r *receiver) SendResolved() bool { return true }

func (r *receiver) Notify(ctx context.Context, alerts ...*types.Alert) (bool, error) {
	r.lock <- struct{}{}
	defer func() { <-r.lock }()
	sent := Sent{At: time.Since(r.begin).Milliseconds(), Receiver: r.name}
	for _, alert := range alerts {
		if !alert.Resolved() {
			sent.Firing = append(sent.Firing, alert.Labels)
		}
	}
	r.answer.Sent = append(r.answer.Sent, sent)
	return false, nil
}

func run(t *testing.T, scenario *Scenario, answer *Answer) {
	begin := time.Now()
	quiet := slog.New(slog.DiscardHandler)
	registry := prometheus.NewRegistry()
	conf, err := config.Load(scenario.Config)
	if err != nil {
		answer.Error = err.Error()
		return
	}
	folder := t.TempDir()
	marker := types.NewMarker(registry)
	alerts, err := mem.NewAlerts(context.Background(), marker, 30*time.Minute, nil, quiet, registry)
	if err != nil {
		t.Fatal(err)
	}
	silences, err := silence.New(silence.Options{SnapshotFile: filepath.Join(folder, "silences"), Logger: quiet, Metrics: registry})
	if err != nil {
		t.Fatal(err)
	}
	log, err := nflog.New(nflog.Options{
		SnapshotFile: filepath.Join(folder, "nflog"), Retention: 120 * time.Hour, Logger: quiet, Metrics: registry,
	})
	if err != nil {
		t.Fatal(err)
	}
	lock := make(chan struct{}, 1)
	receivers := map[string][]notify.Integration{}
	for _, one := range conf.Receivers {
		it := &receiver{one.Name, begin, answer, lock}
		receivers[one.Name] = []notify.Integration{notify.NewIntegration(it, it, "webhook", 0, one.Name)}
	}
	inhibitor := inhibit.NewInhibitor(alerts, conf.InhibitRules, marker, quiet)
	pipeline := notify.NewPipelineBuilder(registry, featurecontrol.NoopFlags{}).New(
		receivers, func() time.Duration { return 0 }, inhibitor, silence.NewSilencer(silences, marker, quiet),
		timeinterval.NewIntervener(nil), marker, log, nil,
	)
	dispatcher := dispatch.NewDispatcher(
		alerts, dispatch.NewRoute(conf.Route, nil), pipeline, marker,
		func(d time.Duration) time.Duration { return max(d, notify.MinTimeout) }, nil, quiet,
		dispatch.NewDispatcherMetrics(false, registry),
	)
	go inhibitor.Run()
	go dispatcher.Run()
	type change struct {
		at    int64
		alert *types.Alert
	}
	changes := []change{}
	for _, one := range scenario.Alerts {
		fired := begin.Add(time.Duration(one.Fired) * time.Millisecond)
		for at, ends := range map[int64]time.Time{
			one.Fired:    begin.Add(time.Duration(scenario.End)*time.Millisecond + 24*time.Hour),
			one.Resolved: begin.Add(time.Duration(one.Resolved) * time.Millisecond),
		} {
			alert := &types.Alert{Alert: model.Alert{Labels: one.Labels, StartsAt: fired, EndsAt: ends}}
			alert.UpdatedAt = begin.Add(time.Duration(at) * time.Millisecond)
			changes = append(changes, change{at, alert})
		}
	}
	sort.SliceStable(changes, func(i, j int) bool { return changes[i].at < changes[j].at })
	for _, one := range changes {
		if one.at > scenario.End {
			continue
		}
		time.Sleep(time.Until(begin.Add(time.Duration(one.at) * time.Millisecond)))
		if err := alerts.Put(one.alert); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
	}
	time.Sleep(time.Until(begin.Add(time.Duration(scenario.End) * time.Millisecond)))
	synctest.Wait()
	dispatcher.Stop()
	inhibitor.Stop()
	alerts.Close()
}
