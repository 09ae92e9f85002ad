package clients

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/watch"
	appsapply "k8s.io/client-go/applyconfigurations/apps/v1"
	coreapply "k8s.io/client-go/applyconfigurations/core/v1"
	metaapply "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
)

// deployment is one of so many replicas.
func deployment(name string, replicas int32) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To(replicas),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: podSpec()},
		},
	}
}

func podSpec() corev1.PodSpec {
	return corev1.PodSpec{Containers: []corev1.Container{{
		Name: "main", Image: "example.com/main:1",
		Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("1500m"), corev1.ResourceMemory: resource.MustParse("1Gi"),
		}},
	}}}
}

// inBothForms runs a test with a client that writes JSON, and with one that writes protobuf and would rather read it too.
func inBothForms(t *testing.T, test func(*testing.T, *cluster)) {
	for _, form := range []string{runtime.ContentTypeJSON, runtime.ContentTypeProtobuf} {
		t.Run(form, func(t *testing.T) {
			c := newCluster(t)
			config := rest.CopyConfig(c.config)
			config.ContentType, config.AcceptContentTypes = form, form+","+runtime.ContentTypeJSON
			c.kube = kubernetes.NewForConfigOrDie(config)
			test(t, c)
		})
	}
}

// TestTyped: what typed clients write is what they read, whichever way.
func TestTyped(t *testing.T) { inBothForms(t, testTyped) }

func testTyped(t *testing.T, c *cluster) {
	deployments := c.kube.AppsV1().Deployments(c.namespace)
	made, err := deployments.Create(t.Context(), deployment("web", 2), metav1.CreateOptions{})
	check(t, err)
	want(t, made.Generation == 1 && made.UID != "" && *made.Spec.RevisionHistoryLimit == 10, "it has its defaults: %v", made)
	_, err = deployments.Create(t.Context(), deployment("web", 2), metav1.CreateOptions{})
	want(t, apierrors.IsAlreadyExists(err), "there is one: %v", err)
	_, err = deployments.Get(t.Context(), "none", metav1.GetOptions{})
	want(t, apierrors.IsNotFound(err), "there is none: %v", err)
	spoilt := made.DeepCopy()
	spoilt.Spec.Template.Spec.Containers[0].Name = "No Name"
	_, err = deployments.Update(t.Context(), spoilt, metav1.UpdateOptions{})
	want(t, apierrors.IsInvalid(err), "no name: %v", err)

	stale := made.DeepCopy()
	made.Spec.Template.Spec.Containers[0].Image = "example.com/main:2"
	updated, err := deployments.Update(t.Context(), made, metav1.UpdateOptions{})
	check(t, err)
	want(t, updated.Generation == 2, "a new generation: %v", updated)
	_, err = deployments.Update(t.Context(), stale, metav1.UpdateOptions{})
	want(t, apierrors.IsConflict(err), "it was changed: %v", err)
	updated.Status.ReadyReplicas, updated.Status.Replicas = 1, 2
	updated.Spec.Replicas = ptr.To[int32](100)
	updated, err = deployments.UpdateStatus(t.Context(), updated, metav1.UpdateOptions{})
	check(t, err)
	want(t, updated.Status.ReadyReplicas == 1 && *updated.Spec.Replicas == 2, "only the status: %v", updated)

	scale, err := deployments.GetScale(t.Context(), "web", metav1.GetOptions{})
	check(t, err)
	scale.Spec.Replicas = 5
	scale, err = deployments.UpdateScale(t.Context(), "web", scale, metav1.UpdateOptions{})
	check(t, err)
	want(t, scale.Spec.Replicas == 5 && scale.Status.Replicas == 2 && scale.Status.Selector == "app=web", "scaled: %v", scale)

	c.patched(t)
	read, err := deployments.Get(t.Context(), "web", metav1.GetOptions{})
	check(t, err)
	plain, err := kubernetes.NewForConfigOrDie(c.config).AppsV1().Deployments(c.namespace).Get(t.Context(), "web", metav1.GetOptions{})
	check(t, err)
	want(t, reflect.DeepEqual(read, plain), "one object in any form:\n%v\n%v", read, plain)
	foreground := metav1.DeletePropagationForeground
	gone := metav1.DeleteOptions{PropagationPolicy: &foreground, Preconditions: metav1.NewUIDPreconditions(string(read.UID))}
	check(t, deployments.Delete(t.Context(), "web", gone))
	eventually(t, "it is deleted", func() bool {
		_, err := deployments.Get(t.Context(), "web", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
}

// patched changes web by patches of each kind.
func (c *cluster) patched(t *testing.T) {
	t.Helper()
	deployments := c.kube.AppsV1().Deployments(c.namespace)
	for kind, patch := range map[types.PatchType]string{
		types.JSONPatchType:           `[{"op": "add", "path": "/metadata/annotations", "value": {"json": "1"}}]`,
		types.MergePatchType:          `{"metadata": {"labels": {"merge": "1", "app": null}}}`,
		types.StrategicMergePatchType: `{"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "s"}]}}}}`,
	} {
		_, err := deployments.Patch(t.Context(), "web", kind, []byte(patch), metav1.PatchOptions{})
		check(t, err)
	}
	_, err := deployments.Patch(t.Context(), "web", types.JSONPatchType, []byte(`[{"op": "test", "path": "/kind", "value": ""}]`),
		metav1.PatchOptions{})
	want(t, apierrors.IsInvalid(err), "the test fails: %v", err)
	status, err := deployments.Patch(t.Context(), "web", types.MergePatchType, []byte(`{"status": {"readyReplicas": 2}}`),
		metav1.PatchOptions{}, "status")
	check(t, err)
	want(t, status.Status.ReadyReplicas == 2, "the status is patched: %v", status)
	want(t, status.Annotations["json"] == "1" && reflect.DeepEqual(status.Labels, map[string]string{"merge": "1"}),
		"it is annotated and labelled: %v", status)
	containers := status.Spec.Template.Spec.Containers
	want(t, len(containers) == 2 && containers[0].Name == "side" && containers[1].Name == "main", "there are two: %v", containers)
}

// TestTypedKinds: bytes, times, addresses, numbers that are names, and a Pod's ways to its end.
func TestTypedKinds(t *testing.T) { inBothForms(t, testTypedKinds) }

func testTypedKinds(t *testing.T, c *cluster) {
	core := c.kube.CoreV1()
	bytes := []byte{0, 1, 2, 0xff, '"'}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "s-"}, Data: map[string][]byte{"bytes": bytes},
		StringData: map[string]string{"text": "ß"},
	}
	secret, err := core.Secrets(c.namespace).Create(t.Context(), secret, metav1.CreateOptions{})
	check(t, err)
	want(t, slices.Equal(secret.Data["bytes"], bytes) && string(secret.Data["text"]) == "ß", "the data: %v", secret)
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "s"},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": "web"},
			Ports:    []corev1.ServicePort{{Name: "web", Port: 80, TargetPort: intstr.FromString("http")}},
		},
	}
	service, err = core.Services(c.namespace).Create(t.Context(), service, metav1.CreateOptions{})
	check(t, err)
	want(t, service.Spec.ClusterIP != "" && service.Spec.Ports[0].TargetPort == intstr.FromString("http"), "%v", service)

	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Finalizers: []string{"example.com/wait"}}, Spec: podSpec()}
	pod, err = core.Pods(c.namespace).Create(t.Context(), pod, metav1.CreateOptions{})
	check(t, err)
	binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Target: corev1.ObjectReference{Kind: "Node", Name: "n"}}
	check(t, core.Pods(c.namespace).Bind(t.Context(), binding, metav1.CreateOptions{}))
	eviction := &policyv1.Eviction{
		ObjectMeta:    metav1.ObjectMeta{Name: "p"},
		DeleteOptions: &metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}},
	}
	check(t, core.Pods(c.namespace).EvictV1(t.Context(), eviction))
	zero := int64(0)
	check(t, core.Pods(c.namespace).Delete(t.Context(), "p", metav1.DeleteOptions{GracePeriodSeconds: &zero}))
	pod, err = core.Pods(c.namespace).Get(t.Context(), "p", metav1.GetOptions{})
	check(t, err)
	want(t, pod.Spec.NodeName == "n" && pod.DeletionTimestamp != nil, "it is bound, and waits: %v", pod)
	pod.Finalizers = nil
	_, err = core.Pods(c.namespace).Update(t.Context(), pod, metav1.UpdateOptions{})
	check(t, err)
	_, err = core.Pods(c.namespace).Get(t.Context(), "p", metav1.GetOptions{})
	want(t, apierrors.IsNotFound(err), "it is gone: %v", err)
}

// TestCollections: what is selected goes, and a watch tells it in the same form.
func TestCollections(t *testing.T) { inBothForms(t, testCollections) }

func testCollections(t *testing.T, c *cluster) {
	maps := c.kube.CoreV1().ConfigMaps(c.namespace)
	for number := range 12 {
		labels := map[string]string{"third": fmt.Sprint(number % 3)}
		_, err := maps.Create(t.Context(), configMap(fmt.Sprintf("m%02d", number), "0", labels), metav1.CreateOptions{})
		check(t, err)
	}
	list, err := maps.List(t.Context(), metav1.ListOptions{})
	check(t, err)
	events, err := maps.Watch(t.Context(), metav1.ListOptions{ResourceVersion: list.ResourceVersion, LabelSelector: "third=0"})
	check(t, err)
	defer events.Stop()
	dry := metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}}
	check(t, maps.DeleteCollection(t.Context(), dry, metav1.ListOptions{}))
	check(t, maps.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "third!=1"}))
	var gone []string
	for range 4 {
		event := <-events.ResultChan()
		want(t, event.Type == watch.Deleted, "a deletion: %v", event)
		gone = append(gone, event.Object.(*corev1.ConfigMap).Name)
	}
	slices.Sort(gone)
	want(t, slices.Equal(gone, []string{"m00", "m03", "m06", "m09"}), "they are gone: %v", gone)
	list, err = maps.List(t.Context(), metav1.ListOptions{LabelSelector: "third", Limit: 3})
	check(t, err)
	want(t, len(list.Items) == 3 && list.Continue != "", "three, and one more: %v", list)
	list, err = maps.List(t.Context(), metav1.ListOptions{LabelSelector: "third", Limit: 3, Continue: list.Continue})
	check(t, err)
	want(t, len(list.Items) == 1 && list.Items[0].Name == "m10" && list.Continue == "", "the last: %v", list)
}

// TestApply: managers share an object by typed configurations.
func TestApply(t *testing.T) { inBothForms(t, testApply) }

func testApply(t *testing.T, c *cluster) {
	deployments := c.kube.AppsV1().Deployments(c.namespace)
	labels := map[string]string{"app": "web"}
	container := coreapply.Container().WithName("main").WithImage("example.com/main:1")
	wanted := appsapply.Deployment("web", c.namespace).WithLabels(labels).WithSpec(appsapply.DeploymentSpec().
		WithReplicas(2).
		WithSelector(metaapply.LabelSelector().WithMatchLabels(labels)).
		WithTemplate(coreapply.PodTemplateSpec().WithLabels(labels).
			WithSpec(coreapply.PodSpec().WithContainers(container))))
	made, err := deployments.Apply(t.Context(), wanted, metav1.ApplyOptions{FieldManager: "one"})
	check(t, err)
	again, err := deployments.Apply(t.Context(), wanted, metav1.ApplyOptions{FieldManager: "one"})
	check(t, err)
	want(t, made.ResourceVersion == again.ResourceVersion, "nothing changes")

	other := appsapply.Deployment("web", c.namespace).WithSpec(appsapply.DeploymentSpec().WithReplicas(3))
	_, err = deployments.Apply(t.Context(), other, metav1.ApplyOptions{FieldManager: "other"})
	want(t, apierrors.IsConflict(err) && apierrors.HasStatusCause(err, metav1.CauseTypeFieldManagerConflict), "owned: %v", err)
	taken, err := deployments.Apply(t.Context(), other, metav1.ApplyOptions{FieldManager: "other", Force: true})
	check(t, err)
	want(t, *taken.Spec.Replicas == 3, "forced: %v", taken)
	mine, err := appsapply.ExtractDeployment(taken, "one")
	check(t, err)
	want(t, mine.Spec.Replicas == nil && *mine.Spec.Template.Spec.Containers[0].Image == "example.com/main:1", "the rest: %s", text(mine))
	mine.Spec.Template.Spec.Containers[0].WithImage("example.com/main:2")
	changed, err := deployments.Apply(t.Context(), mine, metav1.ApplyOptions{FieldManager: "one"})
	check(t, err)
	want(t, changed.Generation == 3 && *changed.Spec.Replicas == 3, "a new image, the same number: %v", changed)

	status := appsapply.Deployment("web", c.namespace).WithStatus(appsapply.DeploymentStatus().WithReplicas(3).WithReadyReplicas(3).
		WithConditions(appsapply.DeploymentCondition().WithType(appsv1.DeploymentAvailable).WithStatus(corev1.ConditionTrue)))
	done, err := deployments.ApplyStatus(t.Context(), status, metav1.ApplyOptions{FieldManager: "status"})
	check(t, err)
	want(t, done.Status.ReadyReplicas == 3 && len(done.Status.Conditions) == 1 && done.Generation == 3, "the status: %v", done)
	known, err := appsapply.ExtractDeploymentStatus(done, "status")
	check(t, err)
	want(t, *known.Status.ReadyReplicas == 3 && known.Spec == nil, "its status: %s", text(known))
}

func text(value any) string {
	text, _ := json.Marshal(value)
	return string(text)
}
