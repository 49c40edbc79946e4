package main

import (
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// fault is the answer of an API server to the nth call of its kind in a run.
type fault struct {
	Call      string `json:"call"`
	Nth       int    `json:"nth"`
	Error     string `json:"error"`
	Message   string `json:"message"`
	Performed bool   `json:"performed"` // the server did it all the same
}

var errorClasses = []struct {
	word    string
	reason  metav1.StatusReason
	code    int32
	message string // what an API server says, as far as it matters
}{
	{"conflict", metav1.StatusReasonConflict, http.StatusConflict,
		`Operation cannot be fulfilled: the object has been modified; please apply your changes to the latest version and try again`},
	{"notFound", metav1.StatusReasonNotFound, http.StatusNotFound, `the server says that it is not found`},
	{"alreadyExists", metav1.StatusReasonAlreadyExists, http.StatusConflict, `the object already exists`},
	{"forbidden", metav1.StatusReasonForbidden, http.StatusForbidden, `the object is forbidden: exceeded quota`},
	{"timeout", metav1.StatusReasonTimeout, http.StatusGatewayTimeout, `Timeout: request did not complete within requested timeout`},
	{"internal", metav1.StatusReasonInternalError, http.StatusInternalServerError, `Internal error occurred: etcdserver: request timed out`},
}

// newFault makes a fault with the usual text of its kind.
func newFault(call string, nth int, word string, performed bool) fault {
	for _, each := range errorClasses {
		if each.word == word {
			return fault{call, nth, word, each.message, performed}
		}
	}
	panic(defect("no error " + word))
}

func (f fault) err() error {
	for _, each := range errorClasses {
		if each.word == f.Error {
			return &apierrors.StatusError{ErrStatus: metav1.Status{
				Status: metav1.StatusFailure, Code: each.code, Reason: each.reason, Message: f.Message,
			}}
		}
	}
	panic(defect("no error " + f.Error))
}
