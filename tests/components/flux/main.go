// Command flux takes a folder as Flux' kustomize-controller does, with the packages that it is made of.
//
// The folder is built by the controller's own kustomize (in a copy: what a Kustomization asks for is written into the
// file), variables are substituted if any are given, and the objects are applied in stages under its field manager and
// waited for, as with `wait: true`.
// What an earlier run applied and the folder has no more is pruned: the inventory, which Flux keeps in the status of
// the Kustomization, is the file of that flag. The change set is printed as JSON, one entry an object.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling"
	"github.com/fluxcd/cli-utils/pkg/object"
	"github.com/fluxcd/pkg/kustomize"
	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/normalize"
	"github.com/fluxcd/pkg/ssa/utils"
	"k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const group = "kustomize.toolkit.fluxcd.io"

type entry struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Result    string `json:"result"`
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "the cluster")
	name := flag.String("name", "capacity", "name of the Kustomization")
	inventory := flag.String("inventory", "", "file of what was applied before")
	substitute := flag.String("substitute", "", "NAME=VALUE of postBuild.substitute")
	flag.Parse()
	entries, err := reconcile(context.Background(), *kubeconfig, *name, *inventory, *substitute, flag.Arg(0))
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(entries)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func reconcile(ctx context.Context, kubeconfig, name, inventory, substitute, folder string) ([]entry, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = -1, -1
	config.UserAgent = "kustomize-controller/v0"
	kube, err := client.New(config, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		return nil, err
	}
	objects, err := build(ctx, kube, name, substitute, folder)
	if err != nil {
		return nil, err
	}
	poller := polling.NewStatusPoller(kube, kube.RESTMapper(), polling.Options{})
	manager := ssa.NewResourceManager(kube, poller, ssa.Owner{Field: "kustomize-controller", Group: group})
	manager.SetOwnerLabels(objects, name, "flux-system")
	if err := normalize.UnstructuredList(objects); err != nil {
		return nil, err
	}
	options := ssa.DefaultApplyOptions()
	options.ExclusionSelector = map[string]string{group + "/reconcile": "disabled", group + "/ssa": "Ignore"}
	options.IfNotPresentSelector = map[string]string{group + "/ssa": "IfNotPresent"}
	options.ForceSelector = map[string]string{group + "/force": "enabled"}
	options.Cleanup = ssa.ApplyCleanupOptions{
		Annotations: []string{"kubectl.kubernetes.io/last-applied-configuration"},
		FieldManagers: []ssa.FieldManager{
			{Name: "kubectl", OperationType: v1.ManagedFieldsOperationApply},
			{Name: "kubectl", OperationType: v1.ManagedFieldsOperationUpdate},
			{Name: "before-first-apply", OperationType: v1.ManagedFieldsOperationUpdate},
			{Name: "kustomize-controller", OperationType: v1.ManagedFieldsOperationUpdate},
		},
		Exclusions: map[string]string{group + "/ssa": "Merge"},
	}
	applied, err := manager.ApplyAllStaged(ctx, objects, options)
	if err != nil {
		return nil, err
	}
	changes := applied.Entries
	wait := ssa.WaitOptions{Interval: 50 * time.Millisecond, Timeout: 30 * time.Second}
	if err := manager.WaitForSet(applied.ToObjMetadataSet(), wait); err != nil {
		return nil, err
	}
	gone, err := forgotten(inventory, applied)
	if err != nil {
		return nil, err
	}
	pruned, err := manager.DeleteAll(ctx, gone, ssa.DeleteOptions{
		PropagationPolicy: v1.DeletePropagationBackground,
		Inclusions:        manager.GetOwnerLabels(name, "flux-system"),
		Exclusions:        map[string]string{group + "/prune": "disabled", group + "/reconcile": "disabled"},
	})
	if err != nil {
		return nil, err
	}
	changes = append(changes, pruned.Entries...)
	entries := make([]entry, len(changes))
	for i, c := range changes {
		id := c.ObjMetadata
		entries[i] = entry{id.GroupKind.Kind, id.Namespace, id.Name, c.Action.String()}
	}
	return entries, nil
}

// build gives the objects that the folder stands for, in the order of its kustomization.
func build(ctx context.Context, kube client.Client, name, substitute, folder string) ([]*unstructured.Unstructured, error) {
	root, err := os.MkdirTemp("", "flux-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(root)
	if err := os.CopyFS(root, os.DirFS(folder)); err != nil {
		return nil, err
	}
	spec := map[string]any{"prune": true, "path": "./", "interval": "10m"}
	if key, value, given := strings.Cut(substitute, "="); given {
		spec["postBuild"] = map[string]any{"substitute": map[string]any{key: value}}
	}
	owner := unstructured.Unstructured{Object: map[string]any{
		"apiVersion": group + "/v1", "kind": "Kustomization",
		"metadata": map[string]any{"name": name, "namespace": "flux-system"}, "spec": spec,
	}}
	if _, err := kustomize.NewGenerator(root, owner).WriteFile(root); err != nil {
		return nil, err
	}
	built, err := kustomize.SecureBuild(root, root, false)
	if err != nil {
		return nil, err
	}
	for _, resource := range built.Resources() {
		changed, err := kustomize.SubstituteVariables(ctx, kube, owner, resource)
		if err != nil {
			return nil, err
		}
		if changed != nil {
			if _, err := built.Replace(resource); err != nil {
				return nil, err
			}
		}
	}
	text, err := built.AsYaml()
	if err != nil {
		return nil, err
	}
	return utils.ReadObjects(bytes.NewReader(text))
}

// forgotten are the objects of the inventory that were not applied this time; the file is written anew.
func forgotten(file string, applied *ssa.ChangeSet) ([]*unstructured.Unstructured, error) {
	now := map[string]string{}
	for _, e := range applied.Entries {
		now[e.ObjMetadata.String()] = e.GroupVersion
	}
	before := map[string]string{}
	if text, err := os.ReadFile(file); err == nil {
		if err := json.Unmarshal(text, &before); err != nil {
			return nil, err
		}
	}
	var gone []*unstructured.Unstructured
	for key, version := range before {
		if _, kept := now[key]; kept {
			continue
		}
		id, err := object.ParseObjMetadata(key)
		if err != nil {
			return nil, err
		}
		one := &unstructured.Unstructured{}
		one.SetGroupVersionKind(schema.GroupVersionKind{Group: id.GroupKind.Group, Version: version, Kind: id.GroupKind.Kind})
		one.SetNamespace(id.Namespace)
		one.SetName(id.Name)
		gone = append(gone, one)
	}
	text, err := json.Marshal(now)
	if err != nil {
		return nil, err
	}
	return gone, os.WriteFile(file, text, 0o600)
}
