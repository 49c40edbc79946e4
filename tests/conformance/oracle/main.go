// The oracle prints conformance vectors: random situations of the Backup controller of TiDB Operator, and what the
// operator's own published Go code does in them. It contains no rule of the operator; it only drives exported code on fake
// clientsets and informer caches, and writes down what is asked of them. docs/conformance.md says what a vector means.
//
// The operator has no injectable clock, so each vector happens within one second of the wall clock, and is done again if
// it did not. Vector i of a kind depends on the seed and i only.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/klog/v2"
)

// source says where a vector is from.
type source struct {
	Module  string `json:"module"`
	Version string `json:"version"`
	Seed    uint64 `json:"seed"`
}

const (
	operatorModule  = "github.com/pingcap/tidb-operator"
	operatorVersion = "v1.6.6"
)

// controllerVector is a vector of the controller.
type controllerVector struct {
	ID     string    `json:"id"`
	Source source    `json:"source"`
	Runs   string    `json:"runs"`
	Given  given     `json:"given"`
	When   []any     `json:"when"`
	Then   []outcome `json:"then"`
}

// generators make the situations of a kind.
var generators = map[string]func(builder) *situation{
	"deletion": deletionSituation,
	"handover": handoverSituation,
	"log":      logSituation,
	"pod":      podSituation,
	"snapshot": snapshotSituation,
	"tick":     tickSituation,
	"volume":   volumeSituation,
}

func main() {
	seed := flag.Uint64("seed", 1, "the seed of the choices")
	number := flag.Int("n", 100, "how many vectors of each kind")
	kind := flag.String("kind", "all", "rules, snapshot, log, volume, deletion, handover, pod, tick (takes a minute), or all but tick")
	jobs := flag.Int("jobs", 32, "how many vectors to make at once")
	output := flag.String("o", "", "the file to write, standard output by default")
	flag.Parse()
	if err := run(*seed, *number, *kind, *jobs, *output); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

func run(seed uint64, number int, kind string, jobs int, output string) error {
	time.Local = time.UTC
	quieten()
	kinds := []string{kind}
	if kind == "all" {
		kinds = []string{"deletion", "handover", "log", "pod", "rules", "snapshot", "volume"}
	}
	file := os.Stdout
	if output != "" {
		created, err := os.Create(output)
		if err != nil {
			return err
		}
		defer created.Close()
		file = created
	}
	out := bufio.NewWriter(file)
	for _, each := range kinds {
		lineOf, err := maker(seed, each)
		if err != nil {
			return err
		}
		atOnce := jobs
		if each == "tick" {
			atOnce = ticksAtOnce
		}
		if err := printAll(out, number, atOnce, lineOf); err != nil {
			return err
		}
	}
	return out.Flush()
}

// maker is what makes vector i of a kind.
func maker(seed uint64, kind string) (func(int) []byte, error) {
	if kind == "rules" {
		return func(index int) []byte { return ruleLine(seed, index) }, nil
	}
	generate, known := generators[kind]
	if !known {
		return nil, fmt.Errorf("no kind %q", kind)
	}
	play := controllerLine
	if kind == "tick" {
		play = tickLine
	}
	return func(index int) []byte {
		return play(fmt.Sprintf("%s-%06d", kind, index), seed, func(now time.Time) *situation {
			return generate(builder{newDice(seed, kind, index), clock{now}})
		})
	}, nil
}

// quieten silences what the operator logs.
func quieten() {
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	must(flags.Parse([]string{"-logtostderr=false", "-stderrthreshold=FATAL"}))
	klog.SetOutput(io.Discard)
	utilruntime.ErrorHandlers = nil
}

// printAll makes vectors at once and prints them in order.
func printAll(out *bufio.Writer, number, jobs int, lineOf func(int) []byte) error {
	type line struct {
		index int
		text  []byte
	}
	indices, lines := make(chan int), make(chan line, jobs)
	var workers sync.WaitGroup
	for range max(1, jobs) {
		workers.Go(func() {
			for index := range indices {
				lines <- line{index, lineOf(index)}
			}
		})
	}
	go func() {
		for index := range number {
			indices <- index
		}
		close(indices)
		workers.Wait()
		close(lines)
	}()
	waiting, next := map[int][]byte{}, 0
	for each := range lines {
		waiting[each.index] = each.text
		for ; waiting[next] != nil; next++ {
			if _, err := out.Write(waiting[next]); err != nil {
				return err
			}
			delete(waiting, next)
		}
	}
	return nil
}

// controllerLine plays a situation until it fits into a second.
func controllerLine(id string, seed uint64, situationAt func(time.Time) *situation) []byte {
	for {
		if line := tryLine(id, seed, situationAt); line != nil {
			return line
		}
	}
}

// tryLine plays a situation, and returns nothing if the second passed meanwhile.
func tryLine(id string, seed uint64, situationAt func(time.Time) *situation) []byte {
	first := situationAt(time.Now().Truncate(time.Second))
	w := newWorld(first)
	defer w.close()
	now := beginSecond(first.end)
	s := situationAt(now)
	if s.local {
		w.needMount()
		s.mountAt(w.mount)
	}
	begin, when, then := w.play(s, now)
	if isOver(now, s.end) {
		return nil
	}
	return w.encode(controllerVector{
		id, source{operatorModule, operatorVersion, seed}, "reference", begin, when, then,
	})
}

// encode is the line of a vector. The directory of a Local storage has the name that the vector gives it.
func (w *world) encode(vector any) []byte {
	line := encoded(vector)
	if w.mount != "" {
		line = bytes.ReplaceAll(line, []byte(w.mount), []byte(mountPath))
	}
	return line
}

func encoded(vector any) []byte {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	must(encoder.Encode(vector))
	return line.Bytes()
}
