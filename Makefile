# Everything that is done with this repository. `make help` lists it.
# A machine needs Go, git, bash and make; tools and the control plane's binaries are built from the Go module proxy.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
# One shell a recipe: variables live to its end, and `exec` gives signals to the program itself.
.ONESHELL:
MAKEFLAGS += --no-print-directory
# Recipes use all cores by themselves; several at once only disturb each other's measurements.
.NOTPARALLEL:
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)

# Tools have a module of their own. Go builds each once and keeps the result in its build cache, keyed by version.
TOOL := go tool -modfile=hack/tools/go.mod

# kubectl of the machine, or else that of the control plane's binaries.
KUBECTL = $$(command -v kubectl || echo "$$(hack/assets.sh)/kubectl")

# What a cluster gets from here is owned by a field manager of our own, so that applying again changes nothing.
APPLY := apply --server-side --force-conflicts --field-manager=seatkeeper-install

##@ Try it

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@ / {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: build ## A local control plane, the operator and simulated users; follows the seats until Ctrl-C (or DEMO_SECONDS)
	@export KUBEBUILDER_ASSETS="$$(hack/assets.sh)"
	go build -o bin/demo ./hack/demo
	exec bin/demo

.PHONY: cluster
cluster: ## A local control plane in the foreground, until Ctrl-C; writes bin/kubeconfig when it is ready
	@export KUBEBUILDER_ASSETS="$$(hack/assets.sh)"
	go build -o bin/cluster ./hack/cluster
	exec bin/cluster

.PHONY: install
install: ## Apply the kinds, the permissions and the namespace seatkeeper-system to the cluster of $KUBECONFIG
	@kubectl="$(KUBECTL)"
	"$$kubectl" $(APPLY) -k config/install
	"$$kubectl" wait --for=condition=Established --timeout=60s \
	  crd/licensepools.licensing.seatkeeper.dev crd/licenseaccounts.licensing.seatkeeper.dev crd/usersessions.licensing.seatkeeper.dev crd/licenseusages.licensing.seatkeeper.dev

.PHONY: deploy
deploy: ## Apply the operator too, with all that install applies: IMAGE=REGISTRY/seatkeeper:TAG, CONFIG=config/cert-manager for a certificate that clients can check
	@if [[ -z "$(IMAGE)" ]]; then echo "IMAGE must be the image to run: make deploy IMAGE=REGISTRY/seatkeeper:TAG" >&2; exit 1; fi
	kubectl="$(KUBECTL)"
	"$$kubectl" kustomize $(or $(CONFIG),config/default) | sed 's#image: seatkeeper:dev$$#image: $(IMAGE)#' | "$$kubectl" $(APPLY) -f -

.PHONY: uninstall
uninstall: ## Remove from the cluster of $KUBECONFIG what install and deploy applied, with all pools, accounts, sessions and histories
	@"$(KUBECTL)" delete --ignore-not-found -k config/install

##@ Build

.PHONY: build
build: ## bin/seatkeeper and bin/kubectl-seats
	@echo "Building bin/seatkeeper and bin/kubectl-seats (a few minutes the first time)..."
	mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -ldflags "$(LDFLAGS)" -o bin/ ./cmd/...

.PHONY: assets
assets: ## Build or find the control plane's binaries; the last line printed is their folder
	@hack/assets.sh

.PHONY: clean
clean: ## Remove what was built (the control plane's binaries stay in the user's cache)
	rm -rf bin dist

##@ Work on it

.PHONY: generate
generate: ## Make what follows from api/, the RBAC markers and the gateway's OpenAPI document: deep copies, schemas, the role, docs/api.md, pkg/gatewayapi
	@$(TOOL) controller-gen object:headerFile=hack/boilerplate.go.txt paths=./api/...
	$(TOOL) controller-gen crd paths=./api/... output:crd:dir=config/crd/bases
	mkdir -p docs
	$(TOOL) crd-ref-docs --log-level=ERROR --renderer=markdown --config=hack/api-docs.yaml --source-path=api --output-path=docs/api.md
	# crd-ref-docs gives a list of lists the limits of its innermost strings in some runs and not in others: never, here.
	sed -i -e '/^| `moduleGroups`/{s/MaxLength: 63 <br \/>//;s/MinLength: 1 <br \/>//}' docs/api.md
	$(TOOL) controller-gen rbac:roleName=seatkeeper-operator paths=./controllers/... paths=./cmd/... paths=./internal/... output:rbac:dir=config/rbac
	$(TOOL) oapi-codegen -config pkg/gatewayapi/oapi-codegen.yaml pkg/gatewayapi/openapi.yaml

.PHONY: test
test: ## Everything that must hold: all tests against a real control plane, lint, verify
	@export KUBEBUILDER_ASSETS="$$(hack/assets.sh)"
	hack/stage.sh "Build and vet" go vet ./...
	# The race detector needs a C compiler; without one these packages run below, unwatched.
	if [[ "$$(go env CGO_ENABLED)" == 1 ]]; then
	  hack/stage.sh "Packages without Kubernetes, with the race detector" go test -race -count=1 $$(go list ./internal/... | grep -v -e /internal/cli$$ -e /internal/history/recorder$$)
	else
	  echo "==> No C compiler found: the race detector is left out"
	fi
	# One package at a time: on two cores, several control planes at once would outlast their tests' patience.
	hack/stage.sh "All packages, against a real control plane" go test -p 1 -count=1 -timeout 30m ./...
	hack/stage.sh "Lint" $(MAKE) lint
	hack/stage.sh "Verify" $(MAKE) verify
	echo "All of it holds."

# How long things break, the seed (default: drawn), how many users, and a fault to plant: oversold or expired.
CHAOS_TIME ?= 5m
CHAOS_SEED ?=
CHAOS_USERS ?= 500
CHAOS_PLANT ?=

.PHONY: chaos
chaos: ## Faults for CHAOS_TIME (5m) while users work, every revision checked; ends with status 1 on a broken promise
	@export KUBEBUILDER_ASSETS="$$(hack/assets.sh)"
	export CHAOS_TIME='$(CHAOS_TIME)' CHAOS_SEED='$(CHAOS_SEED)' CHAOS_USERS='$(CHAOS_USERS)' CHAOS_PLANT='$(CHAOS_PLANT)'
	go build -o bin/chaos ./test/chaos
	exec bin/chaos

# How many seeds, which one to replay with all that happened, or for how long to run fresh ones.
SEEDS ?= 1000
SEED ?=
SIMULATE_TIME ?=
FIRST_SEED ?=

.PHONY: simulate
simulate: ## Replicas of the operator against a model of the API server, where everything goes wrong that may: SEEDS of them, SIMULATE_TIME=4m (from FIRST_SEED on), or SEED=n to replay one
	@go build -o bin/simulate ./test/simulation/simulate
	if [[ -n "$(SEED)" ]]; then exec bin/simulate -seed "$(SEED)"; fi
	first=()
	if [[ -n "$(FIRST_SEED)" ]]; then first=(-first "$(FIRST_SEED)"); fi
	if [[ -n "$(SIMULATE_TIME)" ]]; then exec bin/simulate "$${first[@]}" -for "$(SIMULATE_TIME)"; fi
	exec bin/simulate "$${first[@]}" -seeds "$(SEEDS)"

.PHONY: lint
lint: ## Lint the code, api/ by the Kubernetes API conventions, and see that config/ builds
	@status=0
	$(TOOL) golangci-lint run --allow-serial-runners ./... || status=1
	$(TOOL) golangci-lint-kube-api-linter run --allow-serial-runners --config=hack/kube-api-linter.yaml --path-mode=abs ./api/... || status=1
	for dir in config/default config/cert-manager config/samples; do
	  $(TOOL) kustomize build "$$dir" > /dev/null || status=1
	done
	exit $$status

.PHONY: fmt
fmt: ## Format the code
	@$(TOOL) golangci-lint fmt ./...

.PHONY: verify
verify: ## Regenerate everything, tidy and format; fail if that changes a file, or if a generated file is not committed
	@hack/verify.sh

# Which benchmarks, and how often each is measured; benchstat wants 6 or more to compare two versions.
BENCH ?= Login
BENCH_ROUNDS ?= 5
BENCH_TIMES ?= 1000x

.PHONY: bench
bench: ## The benchmarks of docs/benchmarks.md
	@export KUBEBUILDER_ASSETS="$$(hack/assets.sh)"
	go test -run '^$$' -bench '$(BENCH)' -benchmem -benchtime $(BENCH_TIMES) -count $(BENCH_ROUNDS) -timeout 60m ./test/bench/...
