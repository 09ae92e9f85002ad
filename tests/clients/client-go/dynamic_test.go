package clients

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/features"
	featurestesting "k8s.io/client-go/features/testing"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
)

func dynamicFor(t *testing.T, config *rest.Config) dynamic.Interface {
	t.Helper()
	client, err := dynamic.NewForConfig(config)
	check(t, err)
	return client
}

// TestDynamic: a custom kind from its creation to its deletion.
func TestDynamic(t *testing.T) {
	c := newCluster(t)
	resource := c.widgets(t)
	widgets := c.dynamic.Resource(resource).Namespace(c.namespace)
	made, err := widgets.Create(t.Context(), widget(resource, "w", 1), metav1.CreateOptions{})
	check(t, err)
	want(t, made.GetGeneration() == 1, "it is new: %v", made)
	_, err = widgets.Create(t.Context(), widget(resource, "large", 1001), metav1.CreateOptions{})
	want(t, apierrors.IsInvalid(err), "it is too large: %v", err)

	made.Object["spec"] = map[string]any{"size": int64(2)}
	made.Object["status"] = map[string]any{"size": int64(9)}
	updated, err := widgets.Update(t.Context(), made, metav1.UpdateOptions{})
	check(t, err)
	want(t, updated.GetGeneration() == 2 && updated.Object["status"] == nil, "only the spec: %v", updated)
	_, err = widgets.UpdateStatus(t.Context(), made, metav1.UpdateOptions{})
	want(t, apierrors.IsConflict(err), "it was changed: %v", err)
	updated.Object["status"] = map[string]any{"size": int64(2)}
	updated, err = widgets.UpdateStatus(t.Context(), updated, metav1.UpdateOptions{})
	check(t, err)
	size, _, err := unstructured.NestedInt64(updated.Object, "status", "size")
	check(t, err)
	want(t, size == 2 && updated.GetGeneration() == 2, "only the status: %v", updated)

	_, err = widgets.Patch(t.Context(), "w", types.MergePatchType, []byte(`{"metadata": {"labels": {"k": "v"}}}`), metav1.PatchOptions{})
	check(t, err)
	_, err = widgets.Patch(t.Context(), "w", types.StrategicMergePatchType, []byte(`{}`), metav1.PatchOptions{})
	want(t, apierrors.IsUnsupportedMediaType(err), "no strategic patches of custom kinds: %v", err)
	_, err = widgets.Apply(t.Context(), "w", widget(resource, "w", 3), metav1.ApplyOptions{FieldManager: "one"})
	want(t, apierrors.IsConflict(err), "the field is another's: %v", err)
	applied, err := widgets.Apply(t.Context(), "w", widget(resource, "w", 3), metav1.ApplyOptions{FieldManager: "one", Force: true})
	check(t, err)
	want(t, applied.GetGeneration() == 3 && applied.GetLabels()["k"] == "v", "it is applied: %v", applied)
	status := widget(resource, "w", 0)
	status.Object["status"] = map[string]any{"size": int64(3)}
	delete(status.Object, "spec")
	_, err = widgets.ApplyStatus(t.Context(), "w", status, metav1.ApplyOptions{FieldManager: "one", Force: true})
	check(t, err)

	for number := range 3 {
		_, err := widgets.Create(t.Context(), widget(resource, fmt.Sprintf("x%d", number), 1), metav1.CreateOptions{})
		check(t, err)
	}
	list, err := widgets.List(t.Context(), metav1.ListOptions{Limit: 3})
	check(t, err)
	want(t, len(list.Items) == 3 && list.GetKind() == "WidgetList" && *list.GetRemainingItemCount() == 1, "a page: %v", list)
	check(t, widgets.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "!k"}))
	list, err = widgets.List(t.Context(), metav1.ListOptions{})
	check(t, err)
	want(t, len(list.Items) == 1 && list.Items[0].GetName() == "w", "one is left: %v", list)
}

// TestCBOR: a client that would rather speak CBOR is told that the server does not, and speaks JSON from then on.
func TestCBOR(t *testing.T) {
	featurestesting.SetFeatureDuringTest(t, features.ClientsAllowCBOR, true)
	featurestesting.SetFeatureDuringTest(t, features.ClientsPreferCBOR, true)
	c := newCluster(t)
	maps := c.dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(c.namespace)
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a"},
	}}
	_, err := maps.Create(t.Context(), object, metav1.CreateOptions{})
	want(t, apierrors.IsUnsupportedMediaType(err), "no CBOR: %v", err)
	made, err := maps.Create(t.Context(), object, metav1.CreateOptions{})
	check(t, err)
	events, err := maps.Watch(t.Context(), metav1.ListOptions{})
	check(t, err)
	defer events.Stop()
	event := <-events.ResultChan()
	want(t, reflect.DeepEqual(event.Object, made), "JSON: %v", event)
}

// TestMetadata: clients that only want the metadata get no more.
func TestMetadata(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		c := newCluster(t)
		resource := c.widgets(t)
		widgets := c.dynamic.Resource(resource).Namespace(c.namespace)
		for name, size := range map[string]int64{"a": 1, "b": 2} {
			_, err := widgets.Create(t.Context(), widget(resource, name, size), metav1.CreateOptions{})
			check(t, err)
		}
		client, err := metadata.NewForConfig(c.config)
		check(t, err)
		partial := client.Resource(resource).Namespace(c.namespace)
		list, err := partial.List(t.Context(), metav1.ListOptions{})
		check(t, err)
		want(t, len(list.Items) == 2 && list.Items[0].Name == "a" && list.Items[0].UID != "", "both: %v", list)

		factory := metadatainformer.NewFilteredSharedInformerFactory(client, 0, c.namespace, nil)
		informer := factory.ForResource(resource).Informer()
		told := follow(t, informer, func(object any) string { return object.(*metav1.PartialObjectMetadata).Labels["k"] })
		synced(t, factory.Start, informer)
		patched, err := partial.Patch(t.Context(), "a", types.MergePatchType, []byte(`{"metadata": {"labels": {"k": "v"}}}`), metav1.PatchOptions{})
		check(t, err)
		want(t, patched.Labels["k"] == "v" && patched.Generation == 1, "labelled: %v", patched)
		check(t, partial.Delete(t.Context(), "b", metav1.DeleteOptions{}))
		told.becomes(t, "a", "+", "=v")
		told.becomes(t, "b", "+", "-")
		check(t, partial.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}))
		told.becomes(t, "a", "+", "=v", "-v")
	})
}

// TestDiscovery: what is served is found, what is new is found when one looks again, and by each of its names.
func TestDiscovery(t *testing.T) {
	c := newCluster(t)
	client, err := discovery.NewDiscoveryClientForConfig(c.config)
	check(t, err)
	cached := memory.NewMemCacheClient(client)
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(cached)
	mapping, err := mapper.RESTMapping(schema.GroupKind{Group: "apps", Kind: "Deployment"})
	check(t, err)
	want(t, mapping.Resource.Resource == "deployments" && mapping.Scope.Name() == meta.RESTScopeNameNamespace, "%v", mapping)

	resource := c.widgets(t)
	eventually(t, "the new kind is found", func() bool {
		mapper.Reset()
		mapping, err = mapper.RESTMapping(schema.GroupKind{Group: resource.Group, Kind: "Widget"})
		return err == nil
	})
	want(t, mapping.Resource == resource, "%v", mapping)
	names := restmapper.NewShortcutExpander(mapper, cached, func(warning string) { t.Log(warning) })
	for short, long := range map[string]string{"wd": "widgets", "widget": "widgets", "deploy": "deployments", "cm": "configmaps", "po": "pods"} {
		found, err := names.ResourceFor(schema.GroupVersionResource{Resource: short})
		check(t, err)
		want(t, found.Resource == long, "%s is short for %s, not %s", short, long, found.Resource)
	}

	preferred, err := client.ServerPreferredResources()
	check(t, err)
	has := func(groupVersion, name, verb string) bool {
		return slices.ContainsFunc(preferred, func(list *metav1.APIResourceList) bool {
			return list.GroupVersion == groupVersion && slices.ContainsFunc(list.APIResources, func(resource metav1.APIResource) bool {
				return resource.Name == name && slices.Contains(resource.Verbs, verb)
			})
		})
	}
	want(t, has(resource.GroupVersion().String(), "widgets", "deletecollection") && has("v1", "configmaps", "patch"), "%v", preferred)
	found, err := client.ServerVersion()
	check(t, err)
	want(t, found.Major == "1" && found.Minor != "", "a version: %v", found)

	document, err := client.OpenAPISchema()
	check(t, err)
	want(t, len(document.GetDefinitions().GetAdditionalProperties()) > 100, "types are described")
	eventually(t, "the new kind is described", func() bool {
		paths, err := client.OpenAPIV3().Paths()
		check(t, err)
		return paths["apis/"+resource.GroupVersion().String()] != nil
	})
}

// TestScale: whoever knows only the mapping of a kind can scale it.
func TestScale(t *testing.T) {
	c := newCluster(t)
	_, err := c.kube.AppsV1().Deployments(c.namespace).Create(t.Context(), deployment("web", 1), metav1.CreateOptions{})
	check(t, err)
	client, err := discovery.NewDiscoveryClientForConfig(c.config)
	check(t, err)
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client))
	kinds := scale.NewDiscoveryScaleKindResolver(client)
	scales, err := scale.NewForConfig(c.config, mapper, dynamic.LegacyAPIPathResolverFunc, kinds)
	check(t, err)
	apps := schema.GroupResource{Group: "apps", Resource: "deployments"}
	size, err := scales.Scales(c.namespace).Get(t.Context(), apps, "web", metav1.GetOptions{})
	check(t, err)
	size.Spec.Replicas = 4
	_, err = scales.Scales(c.namespace).Update(t.Context(), apps, size, metav1.UpdateOptions{})
	check(t, err)
	size, err = scales.Scales(c.namespace).Patch(t.Context(), apps.WithVersion("v1"), "web", types.MergePatchType,
		[]byte(`{"spec": {"replicas": 6}}`), metav1.PatchOptions{})
	check(t, err)
	want(t, size.Spec.Replicas == 6, "it is scaled: %v", size)
}
