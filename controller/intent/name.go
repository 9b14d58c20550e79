package intent

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"
)

// Limits of what people write on a resource.
const (
	maxName        = 63
	maxText        = 255 // bytes of descriptions, device ids and owners
	maxLabels      = 32
	maxLabelPrefix = 253
	maxLabelValue  = 63
)

// nameProblem says what is wrong with a name; "" when it is right.
func nameProblem(name string) string {
	switch {
	case name == "":
		return "is missing"
	case len(name) > maxName:
		return fmt.Sprintf("is %d bytes long; at most %d", len(name), maxName)
	case !alphanumeric(name[0]) || !alphanumeric(name[len(name)-1]):
		return fmt.Sprintf("%q must start and end with a letter or digit", name)
	}
	for i, r := range name {
		if r >= 0x80 || !alphanumeric(name[i]) && !strings.ContainsRune("._-", r) {
			return fmt.Sprintf("%q has the character %q; only a–z, A–Z, 0–9, '.', '_' and '-' may be in it", name, r)
		}
	}
	return ""
}

func alphanumeric(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9'
}

// labelProblem says what is wrong with a label; "" when it is right.
func labelProblem(key, value string) string {
	name := key
	if prefix, rest, ok := strings.Cut(key, "/"); ok {
		name = rest
		if len(prefix) > maxLabelPrefix {
			return fmt.Sprintf("its prefix is %d bytes long; at most %d", len(prefix), maxLabelPrefix)
		}
		for part := range strings.SplitSeq(prefix, ".") {
			if problem := nameProblem(part); problem != "" {
				return "its prefix must be a domain name; a part of it " + problem
			}
		}
	}
	if problem := nameProblem(name); problem != "" {
		return "its key " + problem
	}
	if !utf8.ValidString(value) {
		return "its value is not UTF-8"
	}
	if len(value) > maxLabelValue {
		return fmt.Sprintf("its value is %d bytes long; at most %d", len(value), maxLabelValue)
	}
	return ""
}

// textProblem says what is wrong with a text for people; "" when it is right.
func textProblem(s string) string {
	if !utf8.ValidString(s) {
		return "is not UTF-8"
	}
	if len(s) > maxText {
		return fmt.Sprintf("is %d bytes long; at most %d", len(s), maxText)
	}
	return ""
}

// didYouMean ends a sentence about an unknown word with the known one that was probably meant, if there is such.
func didYouMean(word string, known []string) string {
	if len(word) > maxName {
		return ""
	}
	sort.Strings(known)
	best, nearest := "", len(word)/3+1
	for _, k := range known {
		if strings.EqualFold(k, word) {
			best = k
			break
		}
		if d := distance(word, k); d < nearest {
			best, nearest = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

// distance counts the letters to insert, delete, replace, or swap with their neighbour, to make b of a.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// plural writes a number of things: "1 subnet", "2,000 subnets".
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return reported(n) + " " + thing + "s"
}
