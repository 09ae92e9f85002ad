package clients

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/pager"
	watchtools "k8s.io/client-go/tools/watch"
)

// line is a client's way to the API server, which can be cut.
type line struct {
	lock        sync.Mutex
	isCut       bool
	connections []net.Conn
}

// put makes a copy of the configuration go this way.
func (l *line) put(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		l.lock.Lock()
		defer l.lock.Unlock()
		if l.isCut {
			return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
		}
		connection, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			l.connections = append(l.connections, connection)
		}
		return connection, err
	}
	return config
}

// cut closes all connections, and lets nobody connect.
func (l *line) cut() {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.isCut = true
	for _, connection := range l.connections {
		connection.Close()
	}
	l.connections = nil
}

func (l *line) mend() {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.isCut = false
}

// forget makes the API server forget what was at a version, by giving it more to remember.
func (c *cluster) forget(t *testing.T, version string) {
	t.Helper()
	maps := c.kube.CoreV1().ConfigMaps(c.namespace)
	big := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "big"}, Data: map[string]string{"some": strings.Repeat("x", 1<<18)}}
	exact := metav1.ListOptions{ResourceVersion: version, ResourceVersionMatch: metav1.ResourceVersionMatchExact, Limit: 1}
	for range 1000 {
		_, err := maps.Create(t.Context(), big, metav1.CreateOptions{})
		check(t, err)
		check(t, maps.Delete(t.Context(), "big", metav1.DeleteOptions{}))
		_, err = maps.List(t.Context(), exact)
		if apierrors.IsResourceExpired(err) {
			return
		}
		check(t, err)
	}
	t.Fatalf("version %s is never forgotten", version)
}

// TestBrokenLine: what informers miss while the API server is out of reach is told when it is back.
func TestBrokenLine(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		requests := testLine(t, func(*testing.T, *cluster) {})
		want(t, requests.count("-watch")+requests.count("sendInitialEvents") == 3, "they go on from where they were")
	})
}

// TestForgottenPast: and also when it does not remember where they were (410), by listing again.
func TestForgottenPast(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		requests := testLine(t, func(t *testing.T, c *cluster) {
			list, err := c.kube.CoreV1().ConfigMaps(c.namespace).List(t.Context(), metav1.ListOptions{})
			check(t, err)
			c.forget(t, list.ResourceVersion)
		})
		want(t, requests.count("-watch")+requests.count("sendInitialEvents") >= 6, "they begin again")
	})
}

// testLine has three informers miss a change, a deletion and a creation, and more.
func testLine(t *testing.T, more func(*testing.T, *cluster)) *traffic {
	c := newCluster(t)
	resource := c.widgets(t)
	maps, deployments := c.kube.CoreV1().ConfigMaps(c.namespace), c.kube.AppsV1().Deployments(c.namespace)
	widgets := c.dynamic.Resource(resource).Namespace(c.namespace)
	create := func(name string) {
		t.Helper()
		_, err := maps.Create(t.Context(), configMap(name, "0", nil), metav1.CreateOptions{})
		check(t, err)
		_, err = deployments.Create(t.Context(), deployment(name, 0), metav1.CreateOptions{})
		check(t, err)
		_, err = widgets.Create(t.Context(), widget(resource, name, 0), metav1.CreateOptions{})
		check(t, err)
	}
	create("stays")
	create("changes")
	create("goes")

	var requests traffic
	var way line
	typed, untyped, all := c.informers(t, way.put(requests.note(c.config)), resource)
	var stories []*story
	for _, informer := range all {
		stories = append(stories, follow(t, informer, numberOf))
	}
	synced(t, func(stop <-chan struct{}) { typed.Start(stop); untyped.Start(stop) }, all...)

	// A watch that ends before it told anything would be a reason to list again.
	create("begins")
	for _, story := range stories {
		story.becomes(t, "begins", "+0")
	}

	way.cut()
	_, err := maps.Update(t.Context(), configMap("changes", "1", nil), metav1.UpdateOptions{})
	check(t, err)
	_, err = deployments.Update(t.Context(), deployment("changes", 1), metav1.UpdateOptions{})
	check(t, err)
	changed, err := widgets.Get(t.Context(), "changes", metav1.GetOptions{})
	check(t, err)
	changed.Object["spec"] = map[string]any{"size": int64(1)}
	_, err = widgets.Update(t.Context(), changed, metav1.UpdateOptions{})
	check(t, err)
	check(t, maps.Delete(t.Context(), "goes", metav1.DeleteOptions{}))
	check(t, deployments.Delete(t.Context(), "goes", metav1.DeleteOptions{}))
	check(t, widgets.Delete(t.Context(), "goes", metav1.DeleteOptions{}))
	create("comes")
	more(t, c)
	way.mend()

	c.listersAgree(t, typed, untyped, resource)
	for _, story := range stories {
		story.becomes(t, "changes", "+0", "=1")
		story.becomes(t, "goes", "+0", "-0")
		story.becomes(t, "comes", "+0")
		want(t, story.of("stays")[0] == "+0", "what stays was there")
	}
	return &requests
}

// TestPagesOfAForgottenPast: a pager that is on its way when its version is forgotten lists everything anew.
func TestPagesOfAForgottenPast(t *testing.T) {
	c := newCluster(t)
	maps := c.kube.CoreV1().ConfigMaps(c.namespace)
	for number := range 10 {
		_, err := maps.Create(t.Context(), configMap(fmt.Sprintf("m%d", number), "0", nil), metav1.CreateOptions{})
		check(t, err)
	}
	first, err := maps.List(t.Context(), metav1.ListOptions{Limit: 4})
	check(t, err)
	want(t, len(first.Items) == 4 && *first.RemainingItemCount == 6, "a page has four")
	c.forget(t, first.ResourceVersion)

	_, err = maps.List(t.Context(), metav1.ListOptions{Limit: 4, Continue: first.Continue})
	want(t, apierrors.IsResourceExpired(err), "the page that follows has expired: %v", err)
	var status apierrors.APIStatus
	want(t, errors.As(err, &status), "an answer of the server: %v", err)
	inconsistent := status.Status().ListMeta.Continue
	rest, err := maps.List(t.Context(), metav1.ListOptions{Limit: 4, Continue: inconsistent})
	check(t, err)
	want(t, rest.Items[0].Name == "m4" && len(rest.Items) == 4, "one may go on in the present: %v", rest.Items)

	pages := 0
	all := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		pages++
		if pages == 2 {
			options.Continue = first.Continue
		}
		return maps.List(ctx, options)
	})
	all.PageSize = 4
	list, _, err := all.List(t.Context(), metav1.ListOptions{})
	check(t, err)
	want(t, meta.LenList(list) == 10 && pages == 3, "%d items in %d pages", meta.LenList(list), pages)
}

// TestRetryWatcher: it goes on where it was, and says so when that cannot be.
func TestRetryWatcher(t *testing.T) {
	c := newCluster(t)
	maps := c.kube.CoreV1().ConfigMaps(c.namespace)
	made, err := maps.Create(t.Context(), configMap("a", "0", nil), metav1.CreateOptions{})
	check(t, err)
	var way line
	behind := kubernetes.NewForConfigOrDie(way.put(c.config)).CoreV1().ConfigMaps(c.namespace)
	watcher, err := watchtools.NewRetryWatcherWithContext(t.Context(), made.ResourceVersion, watches(behind.Watch))
	check(t, err)
	defer watcher.Stop()
	next := func() watch.Event {
		t.Helper()
		select {
		case event, isOpen := <-watcher.ResultChan():
			want(t, isOpen, "the watch goes on")
			return event
		case <-time.After(patience):
			t.Fatal("never: an event")
		}
		return watch.Event{}
	}
	for number := 1; number < 6; number++ {
		if number%2 == 0 {
			way.cut()
		}
		_, err := maps.Update(t.Context(), configMap("a", strconv.Itoa(number), nil), metav1.UpdateOptions{})
		check(t, err)
		way.mend()
		event := next()
		want(t, event.Type == watch.Modified && numberOf(event.Object) == strconv.Itoa(number), "%d is seen: %v", number, event)
	}
	way.cut()
	list, err := maps.List(t.Context(), metav1.ListOptions{})
	check(t, err)
	c.forget(t, list.ResourceVersion)
	way.mend()
	event := next()
	want(t, event.Type == watch.Error && apierrors.IsResourceExpired(apierrors.FromObject(event.Object)), "it expires: %v", event)
}

type watches func(context.Context, metav1.ListOptions) (watch.Interface, error)

func (w watches) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	return w(ctx, options)
}
