package main

import (
	"fmt"
	"regexp"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

var (
	between = regexp.MustCompile(`(?m)^---\s*$`)
	comment = regexp.MustCompile(`(?m)^\s*#.*$`)
)

// documents takes a rendered template apart; what its conditions leave empty, but for comments, is none.
func documents(text string) []string {
	found := []string{}
	for _, document := range between.Split(text, -1) {
		if strings.TrimSpace(comment.ReplaceAllString(document, "")) != "" {
			found = append(found, document)
		}
	}
	return found
}

// restricted says what the newest pod security standard "restricted" has against the pods of a manifest.
func restricted(document string) ([]string, error) {
	kind, pod, err := podOf(document)
	if err != nil || pod == nil {
		return nil, err
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return nil, err
	}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	found := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec))
	if found.Allowed {
		return nil, nil
	}
	return []string{fmt.Sprintf("%s: %s", kind, found.ForbiddenDetail())}, nil
}

// podOf gives the pod that a manifest makes; none where it makes none, or is of a kind that Kubernetes does not ship.
func podOf(document string) (string, *corev1.PodTemplateSpec, error) {
	made, kind, err := scheme.Codecs.UniversalDeserializer().Decode([]byte(document), nil, nil)
	if err != nil {
		if strings.Contains(document, "monitoring.coreos.com/") {
			return "", nil, nil
		}
		return "", nil, err
	}
	switch object := made.(type) {
	case *appsv1.Deployment:
		return kind.Kind + " " + object.Name, &object.Spec.Template, nil
	case *appsv1.StatefulSet:
		return kind.Kind + " " + object.Name, &object.Spec.Template, nil
	case *batchv1.Job:
		return kind.Kind + " " + object.Name, &object.Spec.Template, nil
	}
	return "", nil, nil
}
