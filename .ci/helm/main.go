// Command chart renders a Helm chart for many sets of values at once, as `helm template` would, and lints it.
//
//	chart FOLDER < cases.json > answers.json
//
// cases.json: {"NAME": {values}}. answers.json: for each name {"error": "…"}, or what Helm made of the chart:
// {"manifests": ["one YAML document", …], "notes": "…", "lint": ["…"], "restricted": ["what the pod security standard
// has against a pod", …]}.
package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path"
	"sort"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
)

const namespace = "mail"

type answer struct {
	Error      string   `json:"error,omitempty"`
	Manifests  []string `json:"manifests"`
	Notes      string   `json:"notes"`
	Lint       []string `json:"lint"`
	Restricted []string `json:"restricted"`
}

func main() {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})))
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(folder string) error {
	var cases map[string]map[string]any
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		return fmt.Errorf("cases: %w", err)
	}
	loaded, err := loader.Load(folder)
	if err != nil {
		return err
	}
	answers := map[string]answer{}
	for name, values := range cases {
		made, err := render(loaded, values)
		if err != nil {
			answers[name] = answer{Error: err.Error()}
			continue
		}
		made.Lint = linted(folder, values)
		answers[name] = made
	}
	return json.NewEncoder(os.Stdout).Encode(answers)
}

func render(loaded *chart.Chart, values map[string]any) (answer, error) {
	release := common.ReleaseOptions{Name: "sidestep", Namespace: namespace, Revision: 1, IsInstall: true}
	top, err := util.ToRenderValues(loaded, values, release, common.DefaultCapabilities)
	if err != nil {
		return answer{}, err
	}
	files, err := engine.Render(loaded, top)
	if err != nil {
		return answer{}, err
	}
	made := answer{Manifests: []string{}, Lint: []string{}, Restricted: []string{}}
	for _, name := range sorted(files) {
		if path.Base(name) == "NOTES.txt" {
			made.Notes = files[name]
			continue
		}
		for _, document := range documents(files[name]) {
			made.Manifests = append(made.Manifests, document)
			complaints, err := restricted(document)
			if err != nil {
				return answer{}, fmt.Errorf("%s: %w", name, err)
			}
			made.Restricted = append(made.Restricted, complaints...)
		}
	}
	return made, nil
}

func linted(folder string, values map[string]any) []string {
	said := []string{}
	for _, message := range lint.RunAll(folder, values, namespace).Messages {
		if message.Severity >= support.WarningSev {
			said = append(said, message.Error())
		}
	}
	return said
}

func sorted(files map[string]string) []string {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
