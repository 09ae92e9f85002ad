package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	benchv1 "github.com/roperator/roperator/benches/versus/site-controller-runtime/api/v1"
)

// concurrency is the same for all peers.
const concurrency = 8

// SiteReconciler keeps a ConfigMap and a Service for every Site.
type SiteReconciler struct {
	client.Client
	Scheme *runtime.Scheme
}

// Reconcile brings the children of one Site, then its status, to what its spec says.
func (r *SiteReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var site benchv1.Site
	if err := r.Get(ctx, req.NamespacedName, &site); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if err := r.reconcileConfigMap(ctx, &site); err != nil {
		return ctrl.Result{}, fmt.Errorf("reconcile the ConfigMap: %w", err)
	}
	if err := r.reconcileService(ctx, &site); err != nil {
		return ctrl.Result{}, fmt.Errorf("reconcile the Service: %w", err)
	}
	status := site.DeepCopy().Status
	status.Ready = true
	status.ObservedMessage = site.Spec.Message
	status.ObservedGeneration = site.Generation
	meta.SetStatusCondition(&status.Conditions, metav1.Condition{
		Type:               "Ready",
		Status:             metav1.ConditionTrue,
		Reason:             "Reconciled",
		ObservedGeneration: site.Generation,
	})
	if !equality.Semantic.DeepEqual(site.Status, status) {
		site.Status = status
		if err := r.Status().Update(ctx, &site); err != nil {
			return ctrl.Result{}, fmt.Errorf("update the status: %w", err)
		}
	}
	return ctrl.Result{}, nil
}

func (r *SiteReconciler) reconcileConfigMap(ctx context.Context, site *benchv1.Site) error {
	config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: site.Name + "-config", Namespace: site.Namespace}}
	_, err := controllerutil.CreateOrUpdate(ctx, r.Client, config, func() error {
		config.Data = map[string]string{"message": site.Spec.Message}
		return controllerutil.SetControllerReference(site, config, r.Scheme)
	})
	return err
}

func (r *SiteReconciler) reconcileService(ctx context.Context, site *benchv1.Site) error {
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: site.Name + "-svc", Namespace: site.Namespace}}
	_, err := controllerutil.CreateOrUpdate(ctx, r.Client, service, func() error {
		service.Spec.Selector = map[string]string{"site": site.Name}
		// All that the API server would default is said: CreateOrUpdate compares whole objects.
		service.Spec.Ports = []corev1.ServicePort{{
			Name:       "http",
			Protocol:   corev1.ProtocolTCP,
			Port:       site.Spec.Port,
			TargetPort: intstr.FromInt32(8080),
		}}
		return controllerutil.SetControllerReference(site, service, r.Scheme)
	})
	return err
}

// SetupWithManager tells the manager what to watch.
func (r *SiteReconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		For(&benchv1.Site{}).
		Owns(&corev1.ConfigMap{}).
		Owns(&corev1.Service{}).
		WithOptions(controller.Options{MaxConcurrentReconciles: concurrency}).
		Complete(r)
}
