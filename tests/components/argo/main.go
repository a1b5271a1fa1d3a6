// Command argo takes a folder as Argo CD does, with its engine.
//
// The folder is built by kustomize, each object gets Argo CD's tracking annotation, and `argo sync` has the engine bring
// the cluster there: phases and waves, client-side apply unless an object or a flag says otherwise, prune by tracking.
// `argo diff` asks the engine whether each object is Synced, by its own comparison or the server's dry run.
// The result is printed as JSON, one entry an object.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/argoproj/gitops-engine/pkg/cache"
	"github.com/argoproj/gitops-engine/pkg/diff"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/argoproj/gitops-engine/pkg/sync"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/gitops-engine/pkg/utils/tracing"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const (
	manager  = "argocd-controller"
	tracking = "argocd.argoproj.io/tracking-id"
)

type entry struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Result    string `json:"result"`
	Message   string `json:"message,omitempty"`
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "the cluster")
	app := flag.String("app", "capacity", "name of the Application")
	namespaces := flag.String("namespaces", "", "those the Application may write to, the first is its destination")
	serverSide := flag.Bool("server-side", false, "sync option ServerSideApply=true, compare option ServerSideDiff=true")
	flag.Parse()
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	entries, err := run(flag.Arg(0), flag.Arg(1), *kubeconfig, *app, strings.Split(*namespaces, ","), *serverSide)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(entries)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(verb, folder, kubeconfig, app string, namespaces []string, serverSide bool) ([]entry, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = -1, -1
	config.UserAgent = "argocd-application-controller/v0"
	wanted, err := build(folder, app, namespaces[0])
	if err != nil {
		return nil, err
	}
	isTracked := func(id string) bool { return strings.HasPrefix(id, app+":") }
	live := cache.NewClusterCache(config,
		cache.SetNamespaces(namespaces), cache.SetLogr(logr.Discard()),
		cache.SetPopulateResourceInfoHandler(func(o *unstructured.Unstructured, _ bool) (any, bool) {
			id := o.GetAnnotations()[tracking]
			return id, isTracked(id)
		}),
	)
	isManaged := func(r *cache.Resource) bool {
		id, _ := r.Info.(string)
		return isTracked(id) && id == trackingID(app, r.ResourceKey())
	}
	if err := live.EnsureSynced(); err != nil {
		return nil, err
	}
	defer live.Invalidate()
	pairs := func() (sync.ReconciliationResult, error) {
		found, err := live.GetManagedLiveObjs(wanted, isManaged)
		if err != nil {
			return sync.ReconciliationResult{}, err
		}
		return sync.Reconcile(wanted, found, namespaces[0], live), nil
	}
	switch verb {
	case "sync":
		return operate(pairs, config, live, namespaces[0], serverSide)
	case "diff":
		found, err := pairs()
		if err != nil {
			return nil, err
		}
		return compare(found, config, live, serverSide)
	}
	return nil, errors.New("usage: argo [flags] sync|diff FOLDER")
}

// operate syncs as the controller does: one step, then what is there is read again, until the operation is completed.
func operate(pairs func() (sync.ReconciliationResult, error), config *rest.Config, live cache.ClusterCache, namespace string, serverSide bool) ([]entry, error) {
	phase, message, started := common.OperationRunning, "", v1.Now()
	var results []common.ResourceSyncResult
	for deadline := started.Add(30 * time.Second); !phase.Completed(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("the operation still waits: %s", message)
		}
		found, err := pairs()
		if err != nil {
			return nil, err
		}
		step, done, err := sync.NewSyncContext("head", found, config, config, &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}, namespace, live.GetOpenAPISchema(),
			sync.WithInitialState(phase, message, results, started), sync.WithHealthOverride(cronJobs{}), sync.WithPrune(true),
			sync.WithServerSideApply(serverSide), sync.WithServerSideApplyManager(manager),
			sync.WithClientSideApplyMigration(true, common.DefaultClientSideApplyMigrationManager), sync.WithLogr(logr.Discard()))
		if err != nil {
			return nil, err
		}
		step.Sync()
		phase, message, results = step.GetState()
		done()
	}
	entries := []entry{}
	for _, r := range results {
		entries = append(entries, entry{r.ResourceKey.Kind, r.ResourceKey.Namespace, r.ResourceKey.Name, string(r.Status), r.Message})
	}
	if !phase.Successful() {
		return nil, fmt.Errorf("%s: %s", phase, message)
	}
	return entries, nil
}

// cronJobs judges CronJobs as Argo CD's own health check does: one whose last run failed is degraded.
type cronJobs struct{}

func (cronJobs) GetResourceHealth(o *unstructured.Unstructured) (*health.HealthStatus, error) {
	if o.GetKind() != "CronJob" {
		return nil, nil
	}
	text := func(field string) string {
		value, _, _ := unstructured.NestedString(o.Object, "status", field)
		return value
	}
	active, _, _ := unstructured.NestedSlice(o.Object, "status", "active")
	if succeeded := text("lastSuccessfulTime"); len(active) == 0 && succeeded != "" && succeeded < text("lastScheduleTime") {
		return &health.HealthStatus{Status: health.HealthStatusDegraded, Message: "the last run failed"}, nil
	}
	return &health.HealthStatus{Status: health.HealthStatusHealthy}, nil
}

func trackingID(app string, key kube.ResourceKey) string {
	return fmt.Sprintf("%s:%s/%s:%s/%s", app, key.Group, key.Kind, key.Namespace, key.Name)
}

func build(folder, app, namespace string) ([]*unstructured.Unstructured, error) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return nil, err
	}
	text, err := built.AsYaml()
	if err != nil {
		return nil, err
	}
	objects, err := kube.SplitYAML(text)
	for _, o := range objects {
		if o.GetNamespace() == "" {
			o.SetNamespace(namespace)
		}
		notes := o.GetAnnotations()
		if notes == nil {
			notes = map[string]string{}
		}
		notes[tracking] = trackingID(app, kube.GetResourceKey(o))
		o.SetAnnotations(notes)
	}
	return objects, err
}

func compare(pairs sync.ReconciliationResult, config *rest.Config, live cache.ClusterCache, serverSide bool) ([]entry, error) {
	operations, done, err := kube.ManageServerSideDiffDryRuns(config, live.GetOpenAPISchema(), tracing.NopTracer{}, logr.Discard(),
		func(string) (kube.CleanupFunc, error) { return func() {}, nil })
	if err != nil {
		return nil, err
	}
	defer done()
	compared, err := diff.DiffArray(pairs.Target, pairs.Live,
		diff.WithLogr(logr.Discard()), diff.WithManager(manager), diff.WithGVKParser(live.GetGVKParser()),
		diff.WithServerSideDiff(serverSide), diff.WithServerSideDryRunner(diff.NewK8sServerSideDryRunner(operations)))
	if err != nil {
		return nil, err
	}
	entries := make([]entry, len(compared.Diffs))
	for i, one := range compared.Diffs {
		object, result, message := pairs.Target[i], "Synced", ""
		switch {
		case object == nil:
			object, result = pairs.Live[i], "OutOfSync, to prune"
		case one.Modified:
			result, message = "OutOfSync", fmt.Sprintf("%s\n%s", one.NormalizedLive, one.PredictedLive)
		}
		entries[i] = entry{object.GetKind(), object.GetNamespace(), object.GetName(), result, message}
	}
	return entries, nil
}
