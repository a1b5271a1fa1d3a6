package oracle

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	autoscalingclient "k8s.io/client-go/kubernetes/typed/autoscaling/v2"
	v1core "k8s.io/client-go/kubernetes/typed/core/v1"
	autoscalinglisters "k8s.io/client-go/listers/autoscaling/v2"
	corelisters "k8s.io/client-go/listers/core/v1"
	scaleclient "k8s.io/client-go/scale"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
)

const namespace, selector = "default", "app=web"

// world is what stands around the controller: the pods and what they use, the scale, the stored autoscaler.
type world struct {
	scenario *Scenario
	start    time.Time
	tick     int
	replicas int32
	pods     cache.Indexer
	running  []*pod // oldest first
	named    int
	stored   cache.Indexer
	key      string
	handler  cache.ResourceEventHandler
}

type pod struct {
	object  *v1.Pod
	started time.Time
	ready   time.Time
	isReady bool
}

func newWorld(s *Scenario) *world {
	byNamespace := cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}
	w := &world{
		scenario: s, start: time.Now(), replicas: s.Initial,
		pods:   cache.NewIndexer(cache.MetaNamespaceKeyFunc, byNamespace),
		stored: cache.NewIndexer(cache.MetaNamespaceKeyFunc, byNamespace),
		key:    s.HPA.Namespace + "/" + s.HPA.Name,
	}
	must(w.stored.Add(s.HPA))
	hour := w.start.Add(-time.Hour)
	for range s.Initial {
		w.create(hour, hour, true)
	}
	return w
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// container is the one that the autoscaler asks for by name, or any.
func (w *world) container() string {
	for _, metric := range w.scenario.HPA.Spec.Metrics {
		if metric.ContainerResource != nil {
			return metric.ContainerResource.Container
		}
	}
	return "app"
}

func (w *world) create(started, ready time.Time, isReady bool) {
	requests := v1.ResourceList{}
	for name, milli := range w.scenario.Requests {
		requests[v1.ResourceName(name)] = *resource.NewMilliQuantity(milli, resource.DecimalSI)
	}
	object := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: podName(w.named), Labels: map[string]string{"app": "web"}},
		Spec: v1.PodSpec{Containers: []v1.Container{{
			Name: w.container(), Resources: v1.ResourceRequirements{Requests: requests},
		}}},
	}
	w.named++
	p := &pod{object: object, started: started, ready: ready, isReady: isReady}
	w.running = append(w.running, p)
	w.publish(p)
}

// publish stores the pod anew, as a watch would.
func (w *world) publish(p *pod) {
	status, since := v1.ConditionFalse, p.started
	if p.isReady {
		status, since = v1.ConditionTrue, p.ready
	}
	p.object = p.object.DeepCopy()
	started := metav1.NewTime(p.started)
	p.object.Status = v1.PodStatus{
		Phase: v1.PodRunning, StartTime: &started,
		Conditions: []v1.PodCondition{{Type: v1.PodReady, Status: status, LastTransitionTime: metav1.NewTime(since)}},
	}
	must(w.pods.Update(p.object))
}

// turn makes ready what is ready at the coming tick, stamped with the instant at which it became so.
func (w *world) turn(tick int, at time.Time) {
	w.tick = tick
	if w.scenario.Pods != nil {
		w.replace(w.scenario.Pods[tick-1], at)
	}
	for _, p := range w.running {
		if !p.isReady && !p.ready.After(at) {
			p.isReady = true
			w.publish(p)
		}
	}
}

// replace lets exactly these pods run.
func (w *world) replace(groups []Group, at time.Time) {
	for _, p := range w.running {
		must(w.pods.Delete(p.object))
	}
	w.running = nil
	for _, group := range groups {
		ready := w.start.Add(time.Duration(group.Ready))
		for range group.Count {
			w.create(w.start.Add(time.Duration(group.Started)), ready, !ready.After(at))
		}
	}
}

// follow does what the workload's controller does: the newest pods go first, new ones run and are not ready.
func (w *world) follow(at time.Time) {
	if w.scenario.Pods != nil {
		return
	}
	for len(w.running) > int(w.replicas) {
		last := w.running[len(w.running)-1]
		w.running = w.running[:len(w.running)-1]
		must(w.pods.Delete(last.object))
	}
	for len(w.running) < int(w.replicas) {
		w.create(at, at.Add(time.Duration(w.scenario.ReadyAfter)), false)
	}
}

func (w *world) hpa() *autoscalingv2.HorizontalPodAutoscaler {
	object, _, err := w.stored.GetByKey(w.key)
	must(err)
	return object.(*autoscalingv2.HorizontalPodAutoscaler)
}

func (w *world) demand(metric string) (float64, error) {
	if series := w.scenario.Demand[metric]; series != nil && series[w.tick-1] != nil {
		return *series[w.tick-1], nil
	}
	return 0, errors.New("there is no such metric")
}

// measurements is a metrics client: the demand is shared evenly by the pods that are ready.
type measurements struct{ w *world }

func (m measurements) each(metric string) (metrics.PodMetricsInfo, time.Time, error) {
	now := time.Now()
	total, err := m.w.demand(metric)
	if err != nil {
		return nil, now, err
	}
	ready := 0
	for _, p := range m.w.running {
		if p.isReady {
			ready++
		}
	}
	found := metrics.PodMetricsInfo{}
	for _, p := range m.w.running {
		if p.started.Add(time.Duration(m.w.scenario.SampleAfter)).After(now) {
			continue
		}
		sample := metrics.PodMetric{Timestamp: now, Window: time.Duration(m.w.scenario.Window)}
		if p.isReady {
			sample.Value = int64(total * 1000 / float64(ready))
		}
		found[p.object.Name] = sample
	}
	if len(found) == 0 {
		return nil, now, errors.New("no metrics returned")
	}
	return found, now, nil
}

func (m measurements) GetResourceMetric(_ context.Context, name v1.ResourceName, _ string, _ labels.Selector, _ string) (metrics.PodMetricsInfo, time.Time, error) {
	return m.each(string(name))
}

func (m measurements) GetRawMetric(name, _ string, _, _ labels.Selector) (metrics.PodMetricsInfo, time.Time, error) {
	return m.each(name)
}

func (m measurements) GetObjectMetric(name, _ string, _ *autoscalingv2.CrossVersionObjectReference, _ labels.Selector) (int64, time.Time, error) {
	total, err := m.w.demand(name)
	return int64(total * 1000), time.Now(), err
}

func (m measurements) GetExternalMetric(name, _ string, _ labels.Selector) ([]int64, time.Time, error) {
	total, err := m.w.demand(name)
	return []int64{int64(total * 1000)}, time.Now(), err
}

// statusReplicas counts what runs, which is more than what is wanted while a rollout goes on.
func (w *world) statusReplicas() int32 {
	if w.scenario.Pods != nil {
		return int32(len(w.running))
	}
	return w.replicas
}

// The API, as far as the controller calls it.

type scales struct {
	scaleclient.ScaleInterface
	w     *world
	reads *atomic.Int32
}

func (s scales) Scales(string) scaleclient.ScaleInterface { return s }

func (s scales) Get(context.Context, schema.GroupResource, string, metav1.GetOptions) (*autoscalingv1.Scale, error) {
	s.reads.Add(1)
	return &autoscalingv1.Scale{
		Spec:   autoscalingv1.ScaleSpec{Replicas: s.w.replicas},
		Status: autoscalingv1.ScaleStatus{Replicas: s.w.statusReplicas(), Selector: selector},
	}, nil
}

func (s scales) Update(_ context.Context, _ schema.GroupResource, scale *autoscalingv1.Scale, _ metav1.UpdateOptions) (*autoscalingv1.Scale, error) {
	s.w.replicas = scale.Spec.Replicas
	return scale, nil
}

type hpas struct {
	autoscalingclient.HorizontalPodAutoscalerInterface
	w *world
}

func (h hpas) HorizontalPodAutoscalers(string) autoscalingclient.HorizontalPodAutoscalerInterface {
	return h
}

func (h hpas) UpdateStatus(_ context.Context, hpa *autoscalingv2.HorizontalPodAutoscaler, _ metav1.UpdateOptions) (*autoscalingv2.HorizontalPodAutoscaler, error) {
	// The status is a part of its own: what the controller filled into the spec for itself is not stored.
	stored := h.w.hpa().DeepCopy()
	stored.Status = *hpa.Status.DeepCopy()
	must(h.w.stored.Update(stored))
	return stored, nil
}

type events struct{ v1core.EventInterface }

func (e events) Events(string) v1core.EventInterface { return e }

func (events) CreateWithEventNamespace(event *v1.Event) (*v1.Event, error) {
	return event, nil
}

func (events) PatchWithEventNamespace(event *v1.Event, _ []byte) (*v1.Event, error) {
	return event, nil
}

// The informers' caches are filled directly, so that nothing is on its way while a tick runs.

type informer struct {
	cache.SharedIndexInformer
	w *world
}

func (informer) HasSynced() bool { return true }

func (i informer) AddEventHandlerWithResyncPeriod(handler cache.ResourceEventHandler, _ time.Duration) (cache.ResourceEventHandlerRegistration, error) {
	i.w.handler = handler
	return nil, nil
}

type hpaInformer struct{ w *world }

func (i hpaInformer) Informer() cache.SharedIndexInformer { return informer{w: i.w} }
func (i hpaInformer) Lister() autoscalinglisters.HorizontalPodAutoscalerLister {
	return autoscalinglisters.NewHorizontalPodAutoscalerLister(i.w.stored)
}

type podInformer struct{ w *world }

func (i podInformer) Informer() cache.SharedIndexInformer { return informer{w: i.w} }
func (i podInformer) Lister() corelisters.PodLister       { return corelisters.NewPodLister(i.w.pods) }
