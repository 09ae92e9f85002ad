// Package clients does what programs do that are written with client-go. The tests know nothing of the API server but what
// KUBECONFIG says of it, each has a namespace of its own there, and real ones pass them too.
package clients

import (
	"context"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// patience is how long anything may take.
const patience = 20 * time.Second

// cluster is an API server and a namespace in it.
type cluster struct {
	config    *rest.Config
	kube      kubernetes.Interface
	dynamic   dynamic.Interface
	namespace string
}

// newCluster makes the namespace, and lets it go when the test ends.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	check(t, err)
	// Nothing here is to wait for the client's own limits.
	config.QPS = -1
	c := &cluster{config: config}
	c.kube, err = kubernetes.NewForConfig(config)
	check(t, err)
	c.dynamic, err = dynamic.NewForConfig(config)
	check(t, err)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "client-go-"}}
	namespace, err = c.kube.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{})
	check(t, err)
	c.namespace = namespace.Name
	t.Cleanup(func() {
		// The test's own context has ended.
		if err := c.kube.CoreV1().Namespaces().Delete(context.Background(), c.namespace, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	return c
}

// widgets installs a kind for this test alone, and gives its resource.
func (c *cluster) widgets(t *testing.T) schema.GroupVersionResource {
	t.Helper()
	definitions := c.dynamic.Resource(schema.GroupVersionResource{
		Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions",
	})
	widgets := schema.GroupVersionResource{Group: c.namespace + ".example.com", Version: "v1", Resource: "widgets"}
	definition := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1",
		"kind":       "CustomResourceDefinition",
		"metadata":   map[string]any{"name": "widgets." + widgets.Group},
		"spec": map[string]any{
			"group": widgets.Group,
			"scope": "Namespaced",
			"names": map[string]any{
				"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList",
				"shortNames": []any{"wd"},
			},
			"versions": []any{map[string]any{
				"name": "v1", "served": true, "storage": true,
				"subresources": map[string]any{"status": map[string]any{}},
				"schema": map[string]any{"openAPIV3Schema": map[string]any{
					"type": "object",
					"properties": map[string]any{
						"spec": map[string]any{
							"type":       "object",
							"properties": map[string]any{"size": map[string]any{"type": "integer", "maximum": int64(1000)}},
						},
						"status": map[string]any{
							"type":       "object",
							"properties": map[string]any{"size": map[string]any{"type": "integer"}},
						},
					},
				}},
			}},
		},
	}}
	_, err := definitions.Create(t.Context(), definition, metav1.CreateOptions{})
	check(t, err)
	t.Cleanup(func() {
		if err := definitions.Delete(context.Background(), definition.GetName(), metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "widgets are served", func() bool {
		_, err := c.dynamic.Resource(widgets).Namespace(c.namespace).List(t.Context(), metav1.ListOptions{})
		return err == nil
	})
	return widgets
}

// widget is an object of the kind that widgets installs.
func widget(resource schema.GroupVersionResource, name string, size int64) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": resource.GroupVersion().String(),
		"kind":       "Widget",
		"metadata":   map[string]any{"name": name},
		"spec":       map[string]any{"size": size},
	}}
}

// configMap is one with a number in it.
func configMap(name, number string, labels map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Data:       map[string]string{"number": number},
	}
}

// traffic notes the requests of the clients whose configuration it is put into.
type traffic struct {
	lock     sync.Mutex
	requests []*http.Request
}

// note puts it into a copy of the configuration.
func (r *traffic) note(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.Wrap(func(inner http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			r.lock.Lock()
			r.requests = append(r.requests, request)
			r.lock.Unlock()
			return inner.RoundTrip(request)
		})
	})
	return config
}

// count says how many requests had all of these parameters and, behind a `-`, none of those.
func (r *traffic) count(parameters ...string) int {
	r.lock.Lock()
	defer r.lock.Unlock()
	count := 0
	for _, request := range r.requests {
		query := request.URL.Query()
		fits := true
		for _, parameter := range parameters {
			name, unwanted := strings.CutPrefix(parameter, "-")
			fits = fits && query.Has(name) != unwanted
		}
		if fits {
			count++
		}
	}
	return count
}

type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

// check ends the test when there is an error.
func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// want ends the test when it is not so.
func want(t *testing.T, isSo bool, what string, arguments ...any) {
	t.Helper()
	if !isSo {
		t.Fatalf("not so: "+what, arguments...)
	}
}

// eventually waits until it is so.
func eventually(t *testing.T, what string, isSo func() bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		return isSo(), nil
	})
	if err != nil {
		t.Fatalf("never: %s", what)
	}
}
