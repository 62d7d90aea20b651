# The operator's image: one static binary and nothing else.
#   docker build --build-arg VERSION=v0.1.0 --tag seatkeeper:v0.1.0 .
ARG GO_VERSION=1.26

# Compiled on the builder's own platform for the target's: no emulation.
FROM --platform=$BUILDPLATFORM golang:${GO_VERSION} AS build
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
WORKDIR /src
# Modules change less often than code: a layer of their own.
COPY go.mod go.sum ./
RUN go mod download
COPY api api
COPY cmd cmd
COPY controllers controllers
COPY internal internal
COPY pkg pkg
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /seatkeeper ./cmd/seatkeeper

FROM scratch
# A number, so that the kubelet can see it is not root.
USER 65532:65532
COPY --from=build /seatkeeper /seatkeeper
ENTRYPOINT ["/seatkeeper"]
