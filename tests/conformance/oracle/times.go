package main

import (
	"fmt"
	"time"

	"github.com/pingcap/tidb-operator/pkg/apis/pingcap/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The operator reads the wall clock. So a vector begins early in a second and must end in the same one; then every time
// that is written in it is known to the second. Where parts of a second are added to a reading, or a difference of readings
// is rounded, it must end so early that the sum is still in the same second, and a rounded difference a truncated one.
const (
	wholeSecond = time.Second
	halfSecond  = 480 * time.Millisecond
	leastTime   = 150 * time.Millisecond // a vector that must end earlier than that is not worth waiting for
)

func intoSecond(t time.Time) time.Duration { return time.Duration(t.Nanosecond()) }

// beginSecond waits until it is early in a second, for what must have ended by then, and returns that second.
func beginSecond(end time.Duration) time.Time {
	now := time.Now()
	if intoSecond(now) > end-leastTime/2 {
		time.Sleep(time.Second - intoSecond(now) + time.Millisecond)
		now = time.Now()
	}
	return now.Truncate(time.Second)
}

// isOver says whether what began in this second has lasted too long.
func isOver(second time.Time, end time.Duration) bool {
	now := time.Now()
	return now.Unix() != second.Unix() || intoSecond(now) > end
}

// endFor is when a vector must have ended in which the operator may plan the next retries by this policy: the waiting time
// doubles, and wraps, so any of them may have parts of a second.
func endFor(policy v1alpha1.BackoffRetryPolicy, records int) time.Duration {
	end := wholeSecond
	minimum, err := time.ParseDuration(policy.MinRetryDuration)
	if err != nil {
		return end
	}
	const mayBePlanned = 4
	for number := range mayBePlanned {
		part := (minimum<<(records+number)%time.Second + time.Second) % time.Second
		end = min(end, wholeSecond-part-time.Millisecond*20)
	}
	return end
}

// timeNames are the names under which a time stands that an operator or a Kubernetes component writes.
var timeNames = map[string]bool{
	"creationTimestamp": true, "deletionTimestamp": true, "lastTransitionTime": true, "lastProbeTime": true,
	"timeStarted": true, "timeCompleted": true, "timeSynced": true, "detectFailedAt": true, "expectedRetryAt": true,
	"realRetryAt": true, "startTime": true, "completionTime": true, "startedAt": true, "observedAt": true,
	"progressUpdateTime": true,
}

// relative replaces the times in a value by their distance from now, and drops what is null.
func relative(value any, now time.Time) any {
	switch value := value.(type) {
	case map[string]any:
		for name, each := range value {
			switch text, isText := each.(string); {
			case each == nil:
				delete(value, name)
			case isText && timeNames[name]:
				value[name] = relativeTime(text, now)
			default:
				value[name] = relative(each, now)
			}
		}
	case []any:
		for i, each := range value {
			value[i] = relative(each, now)
		}
	}
	return value
}

func relativeTime(text string, now time.Time) string {
	t, err := time.Parse(time.RFC3339, text)
	must(err)
	if seconds := t.Unix() - now.Unix(); seconds != 0 {
		return fmt.Sprintf("now%+ds", seconds)
	}
	return "now"
}

// clock makes times around the second in which a vector begins.
type clock struct{ now time.Time }

func (c clock) at(seconds int) metav1.Time {
	return metav1.NewTime(c.now.Add(time.Duration(seconds) * time.Second))
}

func (c clock) ref(seconds int) *metav1.Time {
	t := c.at(seconds)
	return &t
}
