// Package oracle runs Kubernetes' own horizontal pod autoscaler, unmodified, in virtual time.
//
// It reads scenarios from standard input, one JSON document a line, and answers each with one line: what the
// controller did at every tick. It is a test because testing/synctest, which gives the controller a clock that jumps,
// wants one:
//
//	go test -c -o oracle . && ./oracle < scenarios.jsonl
package oracle

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/apis/autoscaling"
	defaults "k8s.io/kubernetes/pkg/apis/autoscaling/v2"
	"k8s.io/kubernetes/pkg/apis/autoscaling/validation"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
	_ "k8s.io/kubernetes/pkg/features"
)

// Scenario is a workload with its autoscaler. Times are nanoseconds; tick n is at n times Sync.
type Scenario struct {
	HPA         *autoscalingv2.HorizontalPodAutoscaler `json:"hpa"`
	Sync        int64                                  `json:"sync"`
	Ticks       int                                    `json:"ticks"`
	Initial     int32                                  `json:"initial"`
	ReadyAfter  int64                                  `json:"ready_after"`
	SampleAfter int64                                  `json:"sample_after"`
	Window      int64                                  `json:"window"`
	// Requests of a pod in thousandths, by resource.
	Requests map[string]int64 `json:"requests"`
	// Demand at each tick by metric; null where there is none.
	Demand map[string][]*float64 `json:"demand"`
	// Pods at each tick, when something else than the number of replicas decides what runs (a rollout).
	Pods [][]Group `json:"pods"`
}

// Group is so many pods that started at once, in nanoseconds from the start, and are ready from an instant on.
type Group struct {
	Started int64 `json:"started"`
	Ready   int64 `json:"ready"`
	Count   int   `json:"count"`
}

// Answer has one entry a tick: the replicas after it and the reasons of the conditions.
type Answer struct {
	Errors        []string `json:"errors"`
	Replicas      []int32  `json:"replicas"`
	AbleToScale   []string `json:"able_to_scale"`
	ScalingActive []string `json:"scaling_active"`
	ScalingLimit  []string `json:"scaling_limited"`
	// Late counts the ticks at which the controller did not run exactly once.
	Late int `json:"late"`
}

func TestMain(m *testing.M) {
	// The handlers log and sleep, and a controller's error is an answer here.
	utilruntime.ErrorHandlers = nil
	klog.SetLogger(logr.Discard())
	if err := utilfeature.DefaultMutableFeatureGate.Set("HPAScaleToZero=true"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func TestOracle(t *testing.T) {
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 1 {
			scenario := &Scenario{}
			answer := &Answer{}
			if problem := json.Unmarshal(line, scenario); problem != nil {
				answer.Errors = []string{problem.Error()}
			} else if answer.Errors = prepare(scenario); len(answer.Errors) == 0 {
				synctest.Test(t, func(t *testing.T) { run(t, scenario, answer) })
			}
			if problem := out.Encode(answer); problem != nil {
				t.Fatal(problem)
			}
		}
		if err != nil {
			return
		}
	}
}

// prepare does to the object what an API server does: defaults, validation, and the canonical form of quantities.
func prepare(s *Scenario) []string {
	defaults.SetDefaults_HorizontalPodAutoscaler(s.HPA)
	internal := &autoscaling.HorizontalPodAutoscaler{}
	if err := defaults.Convert_v2_HorizontalPodAutoscaler_To_autoscaling_HorizontalPodAutoscaler(s.HPA, internal, nil); err != nil {
		return []string{err.Error()}
	}
	found := validation.ValidateHorizontalPodAutoscaler(internal, validation.HorizontalPodAutoscalerSpecValidationOptions{})
	errors := make([]string, 0, len(found))
	for _, one := range found {
		errors = append(errors, one.Error())
	}
	stored, err := s.HPA.Marshal()
	if err == nil {
		s.HPA = &autoscalingv2.HorizontalPodAutoscaler{}
		err = s.HPA.Unmarshal(stored)
	}
	if err != nil {
		errors = append(errors, err.Error())
	}
	return errors
}

func run(t *testing.T, s *Scenario, answer *Answer) {
	ctx, stop := context.WithCancel(klog.NewContext(context.Background(), logr.Discard()))
	defer func() { stop(); synctest.Wait() }()
	w := newWorld(s)
	apps := schema.GroupVersion{Group: "apps", Version: "v1"}
	mapper := apimeta.NewDefaultRESTMapper([]schema.GroupVersion{apps})
	mapper.Add(apps.WithKind("Deployment"), apimeta.RESTScopeNamespace)
	reads := &atomic.Int32{}
	controller := podautoscaler.NewHorizontalController(
		ctx, events{}, scales{w: w, reads: reads}, hpas{w: w}, mapper, measurements{w}, hpaInformer{w}, podInformer{w},
		time.Duration(s.Sync), 5*time.Minute, 0.1, 5*time.Minute, 30*time.Second,
	)
	w.handler.OnAdd(s.HPA, true)
	go controller.Run(ctx, 1)
	for tick := 1; tick <= s.Ticks; tick++ {
		at := w.start.Add(time.Duration(tick) * time.Duration(s.Sync))
		// Everything moves a millisecond before the tick: at its very instant it would be a race.
		time.Sleep(time.Until(at.Add(-time.Millisecond)))
		synctest.Wait()
		w.turn(tick, at)
		time.Sleep(time.Until(at))
		synctest.Wait()
		if reads.Swap(0) != 1 {
			answer.Late++
		}
		w.follow(at)
		conditions := map[string]string{}
		for _, condition := range w.hpa().Status.Conditions {
			conditions[string(condition.Type)] = condition.Reason
		}
		answer.Replicas = append(answer.Replicas, w.replicas)
		answer.AbleToScale = append(answer.AbleToScale, conditions["AbleToScale"])
		answer.ScalingActive = append(answer.ScalingActive, conditions["ScalingActive"])
		answer.ScalingLimit = append(answer.ScalingLimit, conditions["ScalingLimited"])
	}
}

func podName(number int) string { return fmt.Sprintf("pod-%d", number) }
