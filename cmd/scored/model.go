package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"scored/configs"
	"scored/pipeline"
	"scored/pipeline/model"
)

const whichBundle = "BUNDLE|JOB is the bundle's folder, or a job in the config, whose bundle it then is. What has a path separator or\n" +
	"names an existing folder is a folder."

func modelCommand(config *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "model",
		Short: "Look at a model: what it is, what it expects, whether it gives what training gave",
		Long:  "model looks at a bundle. It reads files only, and needs neither the warehouse nor Salesforce.\n\n" + whichBundle,
		RunE: func(cmd *cobra.Command, args []string) error {
			return below(cmd, args, "show", "contract", "verify")
		},
	}
	cmd.AddCommand(modelShowCommand(config), modelContractCommand(config), modelVerifyCommand(config))
	return cmd
}

// oneBundle wants one bundle or job as the only argument.
func oneBundle(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("model %s wants one bundle or job, and got %d arguments", cmd.Name(), len(args))
	}
	return nil
}

// chosen is the bundle that an argument means.
type chosen struct {
	*model.Bundle
	folder string
	job    *configs.Job // nil if the argument was a folder
}

// chooseBundle loads the bundle in a folder, or that of a job. A config is needed for a job only.
func chooseBundle(config, arg string) (*chosen, error) {
	if isPath(arg) {
		return loadChosen(arg, nil)
	}
	cfg, err := configs.Load(config)
	if err != nil {
		return nil, fmt.Errorf("there is no folder %q here, and the config, where it could be a job, can't be read: %w", arg, err)
	}
	jc, err := findJob(cfg, arg)
	if err != nil {
		return nil, usage{fmt.Errorf("%q is neither a folder here nor a job: %w", arg, err)}
	}
	return loadChosen(jc.Bundle, &jc)
}

// isPath says whether an argument means a path: it has a separator, or there is a folder of this name.
func isPath(arg string) bool {
	if strings.ContainsRune(arg, '/') || strings.ContainsRune(arg, os.PathSeparator) || arg == "." || arg == ".." {
		return true
	}
	info, err := os.Stat(arg)
	return err == nil && info.IsDir()
}

func loadChosen(folder string, job *configs.Job) (*chosen, error) {
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, notABundle(fmt.Errorf("there is no folder %s", folder))
	case err != nil:
		return nil, notABundle(err)
	case !info.IsDir():
		return nil, notABundle(fmt.Errorf("%s is a file: name the folder it is in, %s", folder, filepath.Dir(folder)))
	}
	b, err := loadBundle(folder)
	if err != nil {
		return nil, err
	}
	return &chosen{Bundle: b, folder: folder, job: job}, nil
}

func notABundle(err error) error {
	return &pipeline.Problem{Class: pipeline.Configuration, Err: fmt.Errorf("read bundle: %w", err),
		Hint: "name the folder that scored-export wrote, with its manifest.json, or a job in the config"}
}
