// Package v1 is the API bench.example.com/v1, as kubebuilder lays it out.
package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/scheme"
)

var (
	// GroupVersion is the group and version of the kinds in this package.
	GroupVersion = schema.GroupVersion{Group: "bench.example.com", Version: "v1"}

	builder = (&scheme.Builder{GroupVersion: GroupVersion}).Register(&Site{}, &SiteList{})

	// AddToScheme adds the kinds of this package to a scheme.
	AddToScheme = builder.AddToScheme
)

// SiteSpec is what is wanted.
type SiteSpec struct {
	Message string `json:"message"`
	Port    int32  `json:"port"`
}

// SiteStatus is what is there.
type SiteStatus struct {
	Ready              bool               `json:"ready"`
	ObservedMessage    string             `json:"observedMessage"`
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

// Site is the parent of a ConfigMap and a Service.
type Site struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   SiteSpec   `json:"spec,omitempty"`
	Status SiteStatus `json:"status,omitempty"`
}

// SiteList is a list of Sites.
type SiteList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Site `json:"items"`
}

// DeepCopyInto copies in into out. Of spec and status only the conditions are shared memory.
func (in *Site) DeepCopyInto(out *Site) {
	*out = *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Status.Conditions = append([]metav1.Condition(nil), in.Status.Conditions...)
}

// DeepCopy copies in.
func (in *Site) DeepCopy() *Site {
	out := new(Site)
	in.DeepCopyInto(out)
	return out
}

// DeepCopyObject is what the scheme asks of every kind.
func (in *Site) DeepCopyObject() runtime.Object {
	out := new(Site)
	in.DeepCopyInto(out)
	return out
}

// DeepCopyObject is what the scheme asks of every kind.
func (in *SiteList) DeepCopyObject() runtime.Object {
	out := new(SiteList)
	out.TypeMeta = in.TypeMeta
	in.ListMeta.DeepCopyInto(&out.ListMeta)
	if in.Items != nil {
		out.Items = make([]Site, len(in.Items))
		for i := range in.Items {
			in.Items[i].DeepCopyInto(&out.Items[i])
		}
	}
	return out
}
