package api

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// maxAudited is how many resources a line of the audit log names.
const maxAudited = 20

// audited is a write under way, whose line in the log tells who did what.
type audited struct {
	log   *logrus.Entry
	begin time.Time
	names []string
	total int
}

func (s *Server) audit(ctx context.Context, verb string) *audited {
	return &audited{log: s.log.WithFields(logrus.Fields{"verb": verb, "caller": caller(ctx)}), begin: time.Now()}
}

// add names a resource that is written.
func (a *audited) add(name string) {
	if a.total++; len(a.names) < maxAudited {
		a.names = append(a.names, name)
	}
}

// done writes the line.
func (a *audited) done(revision int64, err error) {
	resources := strings.Join(a.names, " ")
	if more := a.total - len(a.names); more > 0 {
		resources += fmt.Sprintf(" and %d more", more)
	}
	log := a.log.WithFields(logrus.Fields{"resources": resources, "took": time.Since(a.begin).Round(time.Microsecond).String()})
	if st := statusOf(err); st.Code() != codes.OK {
		log.WithFields(logrus.Fields{"code": st.Code().String(), "error": st.Message()}).Warn("a write was refused")
		return
	}
	log.WithField("revision", revision).Info("written")
}

// caller is who calls: the name in its certificate, where the certificate was verified, or else its address.
func caller(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return "unknown"
	}
	if info, ok := p.AuthInfo.(credentials.TLSInfo); ok && len(info.State.VerifiedChains) > 0 {
		if name := info.State.VerifiedChains[0][0].Subject.CommonName; name != "" {
			return name
		}
	}
	return p.Addr.String()
}
