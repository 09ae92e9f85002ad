package clients

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"
	watchtools "k8s.io/client-go/tools/watch"
	"k8s.io/client-go/util/retry"
)

// TestLeaderElection: one leads at a time; who goes in order makes way at once, who just dies when the Lease runs out.
func TestLeaderElection(t *testing.T) {
	c := newCluster(t)
	var leaders atomic.Int32
	candidate := func(name string, letsGo bool) (context.CancelFunc, *atomic.Bool) {
		var leads atomic.Bool
		ctx, stop := context.WithCancel(t.Context())
		lock := &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: c.namespace, Name: "leader"},
			Client:     c.kube.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: name},
		}
		var done sync.WaitGroup
		done.Go(func() {
			leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
				Lock: lock, Name: name, ReleaseOnCancel: letsGo,
				LeaseDuration: 2 * time.Second, RenewDeadline: time.Second, RetryPeriod: 200 * time.Millisecond,
				Callbacks: leaderelection.LeaderCallbacks{
					OnStartedLeading: func(context.Context) {
						if leaders.Add(1) > 1 {
							t.Error("two lead")
						}
						leads.Store(true)
					},
					OnStoppedLeading: func() {
						if leads.Swap(false) {
							leaders.Add(-1)
						}
					},
				},
			})
		})
		return func() { stop(); done.Wait() }, &leads
	}
	stopFirst, firstLeads := candidate("first", true)
	eventually(t, "the first leads", firstLeads.Load)
	stopSecond, secondLeads := candidate("second", false)
	pause(t.Context(), time.Second)
	want(t, firstLeads.Load() && !secondLeads.Load(), "the first renews its Lease")
	stopFirst()
	eventually(t, "the second leads", secondLeads.Load)
	stopSecond()
	stopThird, thirdLeads := candidate("third", true)
	want(t, !thirdLeads.Load(), "the second's Lease has not run out")
	eventually(t, "the third leads", thirdLeads.Load)
	lease, err := c.kube.CoordinationV1().Leases(c.namespace).Get(t.Context(), "leader", metav1.GetOptions{})
	check(t, err)
	want(t, *lease.Spec.HolderIdentity == "third" && *lease.Spec.LeaseTransitions == 2, "the Lease tells it: %v", lease)
	stopThird()
}

// TestEvents: recorders of both groups write what they are told, and count what they are told again.
func TestEvents(t *testing.T) {
	c := newCluster(t)
	about, err := c.kube.CoreV1().ConfigMaps(c.namespace).Create(t.Context(), configMap("a", "0", nil), metav1.CreateOptions{})
	check(t, err)
	broadcaster := record.NewBroadcaster(record.WithContext(t.Context()))
	defer broadcaster.Shutdown()
	broadcaster.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: c.kube.CoreV1().Events(c.namespace)})
	recorder := broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "trial"})
	for range 3 {
		recorder.Eventf(about, corev1.EventTypeWarning, "Again", "number %d", 7)
	}
	recorder.AnnotatedEventf(about, map[string]string{"k": "v"}, corev1.EventTypeNormal, "Once", "only once")
	isOurs := fields.Set{"involvedObject.uid": string(about.UID), "reason": "Again", "type": "Warning"}.AsSelector().String()
	eventually(t, "the event is counted", func() bool {
		list, err := c.kube.CoreV1().Events(c.namespace).List(t.Context(), metav1.ListOptions{FieldSelector: isOurs})
		check(t, err)
		return len(list.Items) == 1 && list.Items[0].Count == 3 && list.Items[0].Message == "number 7"
	})
	eventually(t, "there are two events", func() bool {
		found, err := c.kube.CoreV1().Events(c.namespace).SearchWithContext(t.Context(), scheme.Scheme, about)
		check(t, err)
		return len(found.Items) == 2
	})

	newer := events.NewBroadcaster(&events.EventSinkImpl{Interface: c.kube.EventsV1()})
	defer newer.Shutdown()
	check(t, newer.StartRecordingToSinkWithContext(t.Context()))
	reporter := newer.NewRecorder(scheme.Scheme, "example.com/trial")
	report := func(what string, isSo func(eventsv1.Event) bool) {
		t.Helper()
		reporter.Eventf(about, nil, corev1.EventTypeNormal, "Series", "Trying", "in a %s", "series")
		// One after the other: this recorder's writes may overtake one another.
		eventually(t, what, func() bool {
			list, err := c.kube.EventsV1().Events(c.namespace).List(t.Context(), metav1.ListOptions{FieldSelector: "reason=Series"})
			check(t, err)
			return len(list.Items) == 1 && isSo(list.Items[0])
		})
	}
	report("the event is written", func(event eventsv1.Event) bool { return event.Series == nil })
	report("it is a series", func(event eventsv1.Event) bool { return event.Series != nil && event.Series.Count == 2 })
	old, err := c.kube.CoreV1().Events(c.namespace).List(t.Context(), metav1.ListOptions{FieldSelector: "reason=Series"})
	check(t, err)
	want(t, old.Items[0].Message == "in a series" && old.Items[0].Action == "Trying", "both groups have it: %v", old.Items)
}

// TestWaiting: for a condition by a watch, for a deletion by polling, and for the others by trying again.
func TestWaiting(t *testing.T) {
	c := newCluster(t)
	deployments := c.kube.AppsV1().Deployments(c.namespace)
	made, err := deployments.Create(t.Context(), deployment("web", 1), metav1.CreateOptions{})
	check(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var rollout sync.WaitGroup
	rollout.Go(func() {
		for ready := range int32(3) {
			made.Status.Replicas, made.Status.ReadyReplicas = 2, ready
			if made, err = deployments.UpdateStatus(ctx, made, metav1.UpdateOptions{}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	one := fields.OneTermEqualSelector("metadata.name", "web")
	lists := cache.NewFilteredListWatchFromClient(c.kube.AppsV1().RESTClient(), "deployments", c.namespace,
		func(options *metav1.ListOptions) { options.FieldSelector = one.String() })
	event, err := watchtools.UntilWithSync(ctx, lists, &appsv1.Deployment{}, nil, func(event watch.Event) (bool, error) {
		return event.Object.(*appsv1.Deployment).Status.ReadyReplicas == 2, nil
	})
	check(t, err)
	rollout.Wait()
	want(t, event.Object.(*appsv1.Deployment).Name == "web", "it is ready: %v", event)

	check(t, deployments.Delete(ctx, "web", metav1.DeleteOptions{}))
	err = wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		_, err := deployments.Get(ctx, "web", metav1.GetOptions{})
		return err != nil && strings.Contains(err.Error(), `deployments.apps "web" not found`), nil
	})
	check(t, err)

	maps := c.kube.CoreV1().ConfigMaps(c.namespace)
	_, err = maps.Create(ctx, configMap("counter", "0", nil), metav1.CreateOptions{})
	check(t, err)
	var counting sync.WaitGroup
	patient := wait.Backoff{Steps: 100, Duration: time.Millisecond, Factor: 1.1, Jitter: 0.5}
	for range 5 {
		counting.Go(func() {
			for range 5 {
				err := retry.RetryOnConflict(patient, func() error {
					counter, err := maps.Get(ctx, "counter", metav1.GetOptions{})
					if err != nil {
						return err
					}
					number, err := strconv.Atoi(counter.Data["number"])
					counter.Data["number"] = strconv.Itoa(number + 1)
					_, failed := maps.Update(ctx, counter, metav1.UpdateOptions{})
					return errors.Join(err, failed)
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	counting.Wait()
	counter, err := maps.Get(ctx, "counter", metav1.GetOptions{})
	check(t, err)
	want(t, counter.Data["number"] == "25", "nobody's number is lost: %v", counter.Data)
}
