// Command argo takes a folder as Argo CD does, with its engine.
//
// The folder is built by kustomize, each object gets Argo CD's tracking annotation, and `argo sync` has the engine bring
// the cluster there: phases and waves, client-side apply unless an object or a flag says otherwise, prune by tracking.
// `argo diff` asks the engine whether each object is Synced, by its own comparison (client) and by the server-side one.
// The result is printed as JSON, one entry an object.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/argoproj/gitops-engine/pkg/cache"
	"github.com/argoproj/gitops-engine/pkg/diff"
	"github.com/argoproj/gitops-engine/pkg/engine"
	"github.com/argoproj/gitops-engine/pkg/sync"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"github.com/go-logr/logr"
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
	entries, err := run(context.Background(), flag.Arg(0), flag.Arg(1), *kubeconfig, *app, strings.Split(*namespaces, ","), *serverSide)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(entries)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, verb, folder, kubeconfig, app string, namespaces []string, serverSide bool) ([]entry, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = -1, -1
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
	switch verb {
	case "sync":
		one := engine.NewEngine(config, live, engine.WithLogr(logr.Discard()))
		stop, err := one.Run()
		if err != nil {
			return nil, err
		}
		defer stop()
		results, err := one.Sync(ctx, wanted, isManaged, "head", namespaces[0],
			sync.WithPrune(true), sync.WithServerSideApply(serverSide), sync.WithServerSideApplyManager(manager),
			sync.WithClientSideApplyMigration(true, common.DefaultClientSideApplyMigrationManager),
			sync.WithLogr(logr.Discard()))
		entries := []entry{}
		for _, r := range results {
			entries = append(entries, entry{r.ResourceKey.Kind, r.ResourceKey.Namespace, r.ResourceKey.Name, string(r.Status), r.Message})
		}
		return entries, err
	case "diff":
		if err := live.EnsureSynced(); err != nil {
			return nil, err
		}
		defer live.Invalidate()
		found, err := live.GetManagedLiveObjs(wanted, isManaged)
		if err != nil {
			return nil, err
		}
		return compare(sync.Reconcile(wanted, found, namespaces[0], live), config, live, serverSide)
	}
	return nil, errors.New("usage: argo [flags] sync|diff FOLDER")
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
	operations, done, err := (&kube.KubectlCmd{Log: logr.Discard()}).ManageResources(config, live.GetOpenAPISchema())
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
