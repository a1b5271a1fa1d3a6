// Command rules runs Prometheus' own storage, query engine and rule engine, unmodified, in virtual time.
//
// It reads scenarios from standard input, one JSON document a line, and answers each with one line: the series that the
// rules wrote (ALERTS, ALERTS_FOR_STATE and the records), sample by sample, and what range queries over the same samples
// give. The back-test of alerts is held against it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sort"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// Scenario is what was scraped, and the rules that are evaluated over it. Times are milliseconds since 1970.
type Scenario struct {
	// Folder keeps the storage for a server to serve; a temporary one if empty.
	Folder string   `json:"folder"`
	Series []Series `json:"series"`
	// Rules is the text of a rule file; nothing is evaluated if it is empty.
	Rules   string   `json:"rules"`
	Start   int64    `json:"start"`
	Step    int64    `json:"step"`
	Count   int64    `json:"count"`
	Queries []string `json:"queries"`
}

// Series has samples as [time, value]; a value that is null marks the series stale.
type Series struct {
	Labels  map[string]string `json:"labels"`
	Samples [][2]*float64     `json:"samples"`
}

// Written is one series that the rules wrote, without stale markers.
type Written struct {
	Labels map[string]string `json:"labels"`
	Times  []int64           `json:"times"`
	Values []string          `json:"values"`
}

// Answer has the written series in the order of their labels, and each query's result as the HTTP API gives it.
type Answer struct {
	Errors   []string         `json:"errors"`
	Written  []Written        `json:"written"`
	Matrices []map[string]any `json:"matrices"`
}

func main() {
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 1 {
			answer := &Answer{}
			if problem := run(line, answer); problem != nil {
				answer.Errors = append(answer.Errors, problem.Error())
			}
			if problem := out.Encode(answer); problem != nil {
				panic(problem)
			}
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			panic(err)
		}
	}
}

func run(line []byte, answer *Answer) error {
	scenario := &Scenario{}
	if err := json.Unmarshal(line, scenario); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "rules-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	folder := scenario.Folder
	if folder == "" {
		folder = filepath.Join(scratch, "data")
	}
	quiet := slog.New(slog.DiscardHandler)
	options := tsdb.DefaultOptions()
	// Everything stays in the head, where old samples may be added next to new ones of other series.
	options.MinBlockDuration = int64(20 * 365 * 24 * time.Hour / time.Millisecond)
	options.MaxBlockDuration = options.MinBlockDuration
	options.RetentionDuration = 0
	options.StripeSize = 1 << 8
	if scenario.Folder == "" {
		options.WALSegmentSize = -1
	}
	db, err := tsdb.Open(folder, quiet, nil, options, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx := context.Background()
	if err := fill(ctx, db, scenario.Series); err != nil {
		return err
	}
	parse := parser.NewParser(parser.Options{})
	engine := promql.NewEngine(promql.EngineOpts{
		Logger: quiet, MaxSamples: 50_000_000, Timeout: time.Minute, LookbackDelta: 5 * time.Minute,
		NoStepSubqueryIntervalFn: func(int64) int64 { return scenario.Step },
		EnableAtModifier:         true, EnableNegativeOffset: true, Parser: parse,
	})
	// Queries first: they must not see what the rules write.
	for _, query := range scenario.Queries {
		matrix, err := ranged(ctx, engine, db, scenario, query)
		if err != nil {
			answer.Errors = append(answer.Errors, err.Error())
		}
		answer.Matrices = append(answer.Matrices, matrix)
	}
	if scenario.Rules == "" {
		return nil
	}
	file := filepath.Join(scratch, "rules.yml")
	if err := os.WriteFile(file, []byte(scenario.Rules), 0o600); err != nil {
		return err
	}
	manager := rules.NewManager(&rules.ManagerOptions{
		QueryFunc:    rules.EngineQueryFunc(engine, db),
		AppendableV2: db,
		Queryable:    db,
		Context:      ctx,
		NotifyFunc:   func(context.Context, string, ...*rules.Alert) {},
		Logger:       quiet,
		Parser:       parse,
	})
	step := time.Duration(scenario.Step) * time.Millisecond
	groups, problems := manager.LoadGroups(step, labels.EmptyLabels(), "", nil, false, file)
	if problems != nil {
		return problems[0]
	}
	ordered := make([]*rules.Group, 0, len(groups))
	for _, group := range groups {
		for _, rule := range group.Rules() {
			if alert, ok := rule.(*rules.AlertingRule); ok {
				alert.SetRestored(true)
			}
		}
		ordered = append(ordered, group)
	}
	sort.Slice(ordered, func(i, j int) bool { return ordered[i].Name() < ordered[j].Name() })
	failed := map[string]bool{}
	for tick := int64(0); tick < scenario.Count; tick++ {
		at := timestamp.Time(scenario.Start + tick*scenario.Step)
		for _, group := range ordered {
			group.Eval(ctx, at)
			for _, rule := range group.Rules() {
				if problem := rule.LastError(); problem != nil && !failed[problem.Error()] {
					failed[problem.Error()] = true
					answer.Errors = append(answer.Errors, fmt.Sprintf("%s at %d: %v", rule.Name(), at.UnixMilli(), problem))
				}
			}
		}
	}
	return written(ctx, db, scenario, answer)
}

func fill(ctx context.Context, db *tsdb.DB, series []Series) error {
	for _, one := range series {
		app := db.Appender(ctx)
		set := labels.FromMap(one.Labels)
		for _, sample := range one.Samples {
			v := math.Float64frombits(value.StaleNaN)
			if sample[1] != nil {
				v = *sample[1]
			}
			if _, err := app.Append(0, set, int64(*sample[0]), v); err != nil {
				return err
			}
		}
		if err := app.Commit(); err != nil {
			return err
		}
	}
	return nil
}

func ranged(ctx context.Context, engine *promql.Engine, db *tsdb.DB, scenario *Scenario, text string) (map[string]any, error) {
	begin := timestamp.Time(scenario.Start)
	end := timestamp.Time(scenario.Start + (scenario.Count-1)*scenario.Step)
	query, err := engine.NewRangeQuery(ctx, db, nil, text, begin, end, time.Duration(scenario.Step)*time.Millisecond)
	if err != nil {
		return nil, err
	}
	defer query.Close()
	result := query.Exec(ctx)
	if result.Err != nil {
		return nil, result.Err
	}
	// Through JSON, as the HTTP API writes it.
	raw, err := json.Marshal(result.Value)
	if err != nil {
		return nil, err
	}
	return map[string]any{"resultType": "matrix", "result": json.RawMessage(raw)}, nil
}

func written(ctx context.Context, db *tsdb.DB, scenario *Scenario, answer *Answer) error {
	querier, err := db.Querier(scenario.Start, scenario.Start+scenario.Count*scenario.Step)
	if err != nil {
		return err
	}
	defer querier.Close()
	matcher := labels.MustNewMatcher(labels.MatchRegexp, labels.MetricName, "ALERTS|ALERTS_FOR_STATE|capgen:.*")
	set := querier.Select(ctx, true, nil, matcher)
	var iterator chunkenc.Iterator
	for set.Next() {
		series := set.At()
		one := Written{Labels: series.Labels().Map()}
		iterator = series.Iterator(iterator)
		for iterator.Next() == chunkenc.ValFloat {
			at, v := iterator.At()
			if !value.IsStaleNaN(v) {
				one.Times = append(one.Times, at)
				one.Values = append(one.Values, fmt.Sprint(v))
			}
		}
		answer.Written = append(answer.Written, one)
	}
	return set.Err()
}
