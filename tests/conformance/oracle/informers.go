package main

import (
	"github.com/pingcap/tidb-operator/pkg/client/informers/externalversions"
	"github.com/pingcap/tidb-operator/pkg/client/informers/externalversions/pingcap"
	"github.com/pingcap/tidb-operator/pkg/client/informers/externalversions/pingcap/v1alpha1"
	kubeinformers "k8s.io/client-go/informers"
	"k8s.io/client-go/informers/batch"
	batchv1 "k8s.io/client-go/informers/batch/v1"
	"k8s.io/client-go/tools/cache"
)

// keptInformer keeps the handler that a controller registers, for the oracle to call it.
type keptInformer struct {
	cache.SharedIndexInformer
	handler cache.ResourceEventHandler
}

func (k *keptInformer) AddEventHandler(handler cache.ResourceEventHandler) (cache.ResourceEventHandlerRegistration, error) {
	k.handler = handler
	return nil, nil
}

// The types below lead from a factory to the kept informer; of each interface only that way is there.

type informerFactory struct {
	externalversions.SharedInformerFactory
	kept *keptInformer
}

func (f informerFactory) Pingcap() pingcap.Interface { return pingcapGroup{kept: f.kept} }

type pingcapGroup struct {
	pingcap.Interface
	kept *keptInformer
}

func (g pingcapGroup) V1alpha1() v1alpha1.Interface { return pingcapVersion{kept: g.kept} }

type pingcapVersion struct {
	v1alpha1.Interface
	kept *keptInformer
}

func (v pingcapVersion) Backups() v1alpha1.BackupInformer { return backupInformer{kept: v.kept} }

type backupInformer struct {
	v1alpha1.BackupInformer
	kept *keptInformer
}

func (i backupInformer) Informer() cache.SharedIndexInformer { return i.kept }

type kubeInformerFactory struct {
	kubeinformers.SharedInformerFactory
	kept *keptInformer
}

func (f kubeInformerFactory) Batch() batch.Interface { return batchGroup{kept: f.kept} }

type batchGroup struct {
	batch.Interface
	kept *keptInformer
}

func (g batchGroup) V1() batchv1.Interface { return batchVersion{kept: g.kept} }

type batchVersion struct {
	batchv1.Interface
	kept *keptInformer
}

func (v batchVersion) Jobs() batchv1.JobInformer { return jobInformer{kept: v.kept} }

type jobInformer struct {
	batchv1.JobInformer
	kept *keptInformer
}

func (i jobInformer) Informer() cache.SharedIndexInformer { return i.kept }
