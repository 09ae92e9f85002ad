package clients

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/features"
	featurestesting "k8s.io/client-go/features/testing"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// bothWays runs a test with informers that begin with a watch, and with those that begin with a list.
func bothWays(t *testing.T, test func(*testing.T)) {
	for _, beginsWithWatch := range []bool{true, false} {
		t.Run(fmt.Sprintf("WatchListClient=%t", beginsWithWatch), func(t *testing.T) {
			featurestesting.SetFeatureDuringTest(t, features.WatchListClient, beginsWithWatch)
			test(t)
		})
	}
}

// story is what an informer told of each object, in order.
type story struct {
	lock   sync.Mutex
	events map[string][]string
}

// follow listens to an informer; number is what distinguishes the states of an object.
func follow(t *testing.T, informer cache.SharedInformer, number func(any) string) *story {
	t.Helper()
	s := &story{events: map[string][]string{}}
	tell := func(what string, object any) {
		if unknown, is := object.(cache.DeletedFinalStateUnknown); is {
			object = unknown.Obj
		}
		accessor, err := meta.Accessor(object)
		if err != nil {
			t.Error(err)
			return
		}
		s.lock.Lock()
		defer s.lock.Unlock()
		s.events[accessor.GetName()] = append(s.events[accessor.GetName()], what+number(object))
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { tell("+", object) },
		UpdateFunc: func(_, object any) { tell("=", object) },
		DeleteFunc: func(object any) { tell("-", object) },
	})
	check(t, err)
	return s
}

// of is what it told of one object.
func (s *story) of(name string) []string {
	s.lock.Lock()
	defer s.lock.Unlock()
	return slices.Clone(s.events[name])
}

// becomes waits until it is exactly this.
func (s *story) becomes(t *testing.T, name string, events ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s: %v", name, events), func() bool { return len(s.of(name)) >= len(events) })
	want(t, slices.Equal(s.of(name), events), "%s is told as %v, but as %v", name, events, s.of(name))
}

func numberOf(object any) string {
	switch object := object.(type) {
	case *corev1.ConfigMap:
		return object.Data["number"]
	case *appsv1.Deployment:
		return strconv.Itoa(int(*object.Spec.Replicas))
	case *unstructured.Unstructured:
		size, _, _ := unstructured.NestedInt64(object.Object, "spec", "size")
		return strconv.FormatInt(size, 10)
	}
	return "?"
}

// synced starts informers and waits until all of them have begun.
func synced(t *testing.T, start func(<-chan struct{}), all ...cache.SharedInformer) {
	t.Helper()
	start(t.Context().Done())
	for _, informer := range all {
		eventually(t, "an informer has synced", informer.HasSynced)
	}
}

// TestInformers: three kinds, told from their beginning to their end, each state once and in order.
func TestInformers(t *testing.T) { bothWays(t, testInformers) }

func testInformers(t *testing.T) {
	c := newCluster(t)
	resource := c.widgets(t)
	maps, deployments := c.kube.CoreV1().ConfigMaps(c.namespace), c.kube.AppsV1().Deployments(c.namespace)
	widgets := c.dynamic.Resource(resource).Namespace(c.namespace)
	write := func(name string, number int, isNew bool) {
		t.Helper()
		object := configMap(name, strconv.Itoa(number), nil)
		deployed, custom := deployment(name, int32(number)), widget(resource, name, int64(number))
		if isNew {
			_, err := maps.Create(t.Context(), object, metav1.CreateOptions{})
			check(t, err)
			_, err = deployments.Create(t.Context(), deployed, metav1.CreateOptions{})
			check(t, err)
			_, err = widgets.Create(t.Context(), custom, metav1.CreateOptions{})
			check(t, err)
			return
		}
		_, err := maps.Update(t.Context(), object, metav1.UpdateOptions{})
		check(t, err)
		_, err = deployments.Update(t.Context(), deployed, metav1.UpdateOptions{})
		check(t, err)
		before, err := widgets.Get(t.Context(), name, metav1.GetOptions{})
		check(t, err)
		custom.SetResourceVersion(before.GetResourceVersion())
		_, err = widgets.Update(t.Context(), custom, metav1.UpdateOptions{})
		check(t, err)
	}
	for _, name := range []string{"early", "brief", "late"} {
		write(name, 0, true)
	}

	var requests traffic
	typed, untyped, all := c.informers(t, requests.note(c.config), resource)
	var stories []*story
	for _, informer := range all {
		stories = append(stories, follow(t, informer, numberOf))
	}
	synced(t, func(stop <-chan struct{}) { typed.Start(stop); untyped.Start(stop) }, all...)
	if features.FeatureGates().Enabled(features.WatchListClient) {
		want(t, requests.count("sendInitialEvents") == 3 && requests.count("-watch") == 0, "all begin with a watch")
	} else {
		want(t, requests.count("sendInitialEvents") == 0 && requests.count("-watch") == 3, "all begin with a list")
	}

	wanted := []string{"+0"}
	for number := 1; number <= 10; number++ {
		write("early", number, false)
		wanted = append(wanted, "="+strconv.Itoa(number))
	}
	write("new", 1, true)
	check(t, maps.Delete(t.Context(), "brief", metav1.DeleteOptions{}))
	check(t, deployments.Delete(t.Context(), "brief", metav1.DeleteOptions{}))
	check(t, widgets.Delete(t.Context(), "brief", metav1.DeleteOptions{}))
	for _, story := range stories {
		story.becomes(t, "early", wanted...)
		story.becomes(t, "late", "+0")
		story.becomes(t, "brief", "+0", "-0")
		story.becomes(t, "new", "+1")
	}
	c.listersAgree(t, typed, untyped, resource)
}

// informers are of ConfigMaps, Deployments and widgets.
func (c *cluster) informers(t *testing.T, config *rest.Config, resource schema.GroupVersionResource) (
	informers.SharedInformerFactory, dynamicinformer.DynamicSharedInformerFactory, []cache.SharedInformer,
) {
	t.Helper()
	typed := informers.NewSharedInformerFactoryWithOptions(kubernetes.NewForConfigOrDie(config), 0, informers.WithNamespace(c.namespace))
	untyped := dynamicinformer.NewFilteredDynamicSharedInformerFactory(dynamicFor(t, config), 0, c.namespace, nil)
	return typed, untyped, []cache.SharedInformer{
		typed.Core().V1().ConfigMaps().Informer(),
		typed.Apps().V1().Deployments().Informer(),
		untyped.ForResource(resource).Informer(),
	}
}

// listersAgree waits until what the informers have is what the API server lists.
func (c *cluster) listersAgree(
	t *testing.T,
	typed informers.SharedInformerFactory,
	untyped dynamicinformer.DynamicSharedInformerFactory,
	resource schema.GroupVersionResource,
) {
	t.Helper()
	eventually(t, "the listers agree with the server", func() bool {
		maps, err := c.kube.CoreV1().ConfigMaps(c.namespace).List(t.Context(), metav1.ListOptions{})
		check(t, err)
		deployments, err := c.kube.AppsV1().Deployments(c.namespace).List(t.Context(), metav1.ListOptions{})
		check(t, err)
		widgets, err := c.dynamic.Resource(resource).Namespace(c.namespace).List(t.Context(), metav1.ListOptions{})
		check(t, err)
		knownMaps, err := typed.Core().V1().ConfigMaps().Lister().List(labels.Everything())
		check(t, err)
		knownDeployments, err := typed.Apps().V1().Deployments().Lister().List(labels.Everything())
		check(t, err)
		knownWidgets, err := untyped.ForResource(resource).Lister().List(labels.Everything())
		check(t, err)
		return same(pointers(maps.Items), knownMaps) && same(pointers(deployments.Items), knownDeployments) &&
			len(widgets.Items) == len(knownWidgets) && !slices.ContainsFunc(widgets.Items, func(item unstructured.Unstructured) bool {
			known, err := untyped.ForResource(resource).Lister().ByNamespace(c.namespace).Get(item.GetName())
			return err != nil || !reflect.DeepEqual(&item, known)
		})
	})
}

func pointers[T any](items []T) []*T {
	var all []*T
	for i := range items {
		all = append(all, &items[i])
	}
	return all
}

// same is true of two collections of the same objects, in any order.
func same[T metav1.Object](one, other []T) bool {
	byName := map[string]T{}
	for _, object := range one {
		byName[object.GetName()] = object
	}
	return len(one) == len(other) && !slices.ContainsFunc(other, func(object T) bool {
		return !reflect.DeepEqual(byName[object.GetName()], object)
	})
}

// TestSelectedInformers: objects come and go with their labels, and with a name.
func TestSelectedInformers(t *testing.T) { bothWays(t, testSelectedInformers) }

func testSelectedInformers(t *testing.T) {
	c := newCluster(t)
	maps := c.kube.CoreV1().ConfigMaps(c.namespace)
	chosen, other := map[string]string{"side": "ours"}, map[string]string{"side": "theirs"}
	put := func(name, number string, labels map[string]string) {
		t.Helper()
		_, err := maps.Update(t.Context(), configMap(name, number, labels), metav1.UpdateOptions{})
		check(t, err)
	}
	for name, labels := range map[string]map[string]string{"a": chosen, "b": other, "c": chosen} {
		_, err := maps.Create(t.Context(), configMap(name, "0", labels), metav1.CreateOptions{})
		check(t, err)
	}
	informer := func(tweak func(*metav1.ListOptions)) (*story, cache.SharedInformer) {
		options := []informers.SharedInformerOption{informers.WithNamespace(c.namespace), informers.WithTweakListOptions(tweak)}
		factory := informers.NewSharedInformerFactoryWithOptions(c.kube, 0, options...)
		informer := factory.Core().V1().ConfigMaps().Informer()
		told := follow(t, informer, numberOf)
		synced(t, factory.Start, informer)
		return told, informer
	}
	byLabel, labelled := informer(func(options *metav1.ListOptions) { options.LabelSelector = "side in (ours),side!=none" })
	byName, _ := informer(func(options *metav1.ListOptions) { options.FieldSelector = "metadata.name=b" })
	put("a", "1", other)
	put("b", "1", chosen)
	put("b", "2", chosen)
	put("c", "1", other)
	put("c", "2", other)
	put("c", "3", chosen)
	check(t, maps.Delete(t.Context(), "b", metav1.DeleteOptions{}))
	// What leaves is told as it was while it was chosen.
	byLabel.becomes(t, "a", "+0", "-0")
	byLabel.becomes(t, "b", "+1", "=2", "-2")
	byLabel.becomes(t, "c", "+0", "-0", "+3")
	byName.becomes(t, "b", "+0", "=1", "=2", "-2")
	want(t, byName.of("a") == nil && byName.of("c") == nil, "the others are not told of")
	want(t, slices.Equal(labelled.GetStore().ListKeys(), []string{c.namespace + "/c"}), "c alone is left")
}

// TestResync: who asks for it is told again and again of what has not changed.
func TestResync(t *testing.T) {
	c := newCluster(t)
	_, err := c.kube.CoreV1().ConfigMaps(c.namespace).Create(t.Context(), configMap("a", "0", nil), metav1.CreateOptions{})
	check(t, err)
	factory := informers.NewSharedInformerFactoryWithOptions(c.kube, time.Second, informers.WithNamespace(c.namespace))
	informer := factory.Core().V1().ConfigMaps().Informer()
	told := follow(t, informer, func(object any) string { return object.(*corev1.ConfigMap).ResourceVersion })
	synced(t, factory.Start, informer)
	eventually(t, "a is told three times", func() bool { return len(told.of("a")) >= 3 })
	events := told.of("a")
	version := events[0][1:]
	want(t, slices.Equal(events[:3], []string{"+" + version, "=" + version, "=" + version}), "one state is told again: %v", events)
}

// TestClosedWatches: an API server that ends watches makes nobody lose an event, or list again.
func TestClosedWatches(t *testing.T) { bothWays(t, testClosedWatches) }

func testClosedWatches(t *testing.T) {
	c := newCluster(t)
	maps := c.kube.CoreV1().ConfigMaps(c.namespace)
	_, err := maps.Create(t.Context(), configMap("a", "0", nil), metav1.CreateOptions{})
	check(t, err)
	var requests traffic
	client := kubernetes.NewForConfigOrDie(requests.note(c.config))
	soon := int64(1)
	options := []informers.SharedInformerOption{
		informers.WithNamespace(c.namespace),
		informers.WithTweakListOptions(func(options *metav1.ListOptions) { options.TimeoutSeconds = &soon }),
	}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, options...)
	informer := factory.Core().V1().ConfigMaps().Informer()
	told := follow(t, informer, numberOf)
	synced(t, factory.Start, informer)
	wanted := []string{"+0"}
	for number := 1; requests.count("watch", "-sendInitialEvents") < 4; number++ {
		_, err := maps.Update(t.Context(), configMap("a", strconv.Itoa(number), nil), metav1.UpdateOptions{})
		check(t, err)
		wanted = append(wanted, "="+strconv.Itoa(number))
		pause(t.Context(), 20*time.Millisecond)
	}
	told.becomes(t, "a", wanted...)
	want(t, requests.count("-watch")+requests.count("sendInitialEvents") == 1, "it began once")
}

func pause(ctx context.Context, how time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(how):
	}
}
