package main

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/pingcap/tidb-operator/pkg/pdapi"
)

// taskKinds are the keys of a log task, as vectors call them.
var taskKinds = []string{"checkpoint", "info", "last-error", "pause"}

// answer is what etcd has under the prefix of one key: values, or an error.
type answer struct {
	values [][]byte
	err    string
}

// taskState is a log task in PD. An absent key has no value.
type taskState struct {
	unreachable string // why no etcd client can be made
	answers     map[string]answer
}

func (t *taskState) record() record {
	if t.unreachable != "" {
		return record{"unreachable": t.unreachable}
	}
	said := record{}
	for kind, each := range t.answers {
		if each.err != "" {
			said[kind] = record{"error": each.err}
			continue
		}
		values := []string{}
		for _, value := range each.values {
			values = append(values, base64.StdEncoding.EncodeToString(value))
		}
		said[kind] = record{"values": values}
	}
	return said
}

// etcd serves the task to whoever has a client, as it is at that moment.
type etcd struct {
	calls *callLog
	mutex sync.Mutex
	state *taskState
}

func (e *etcd) set(state *taskState) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.state = state
}

// Get answers for the key with this prefix; the last but one part of its path is the kind.
func (e *etcd) Get(name string, _ bool) ([]*pdapi.KeyValue, error) {
	parts := strings.Split(name, "/")
	kind := parts[len(parts)-2]
	e.calls.ask(kind)
	e.mutex.Lock()
	defer e.mutex.Unlock()
	found := e.state.answers[kind]
	if found.err != "" {
		return nil, errors.New(found.err)
	}
	var pairs []*pdapi.KeyValue
	for _, value := range found.values {
		pairs = append(pairs, &pdapi.KeyValue{Key: name, Value: value})
	}
	return pairs, nil
}

func (e *etcd) PutKey(string, string) error           { return errors.ErrUnsupported }
func (e *etcd) PutTTLKey(string, string, int64) error { return errors.ErrUnsupported }
func (e *etcd) DeleteKey(string) error                { return errors.ErrUnsupported }
func (e *etcd) Close() error                          { return nil }

// pdControl makes clients of etcd, unless PD is unreachable.
type pdControl struct {
	pdapi.PDControlInterface
	task *etcd
}

func (p *pdControl) GetPDEtcdClient(pdapi.Namespace, string, bool, ...pdapi.Option) (pdapi.PDEtcdClient, error) {
	p.task.mutex.Lock()
	defer p.task.mutex.Unlock()
	if p.task.state.unreachable != "" {
		return nil, errors.New(p.task.state.unreachable)
	}
	return p.task, nil
}

func sorted(words []string) []string {
	copied := slices.Clone(words)
	slices.Sort(copied)
	return copied
}
