package manifest

import "strings"

// nearest returns the known word that was probably meant by word, or "" when none is near: the distance may be a third of
// the word's length. Of equally near ones the first.
func nearest(word string, known []string) string {
	if len(word) > 64 {
		return ""
	}
	best, dist := "", len(word)/3+1
	for _, k := range known {
		if fold(k) == fold(word) {
			return k
		}
		if d := distance(fold(word), fold(k)); d < dist {
			best, dist = k, d
		}
	}
	return best
}

// fold makes words equal that differ only in case, '-' and '_'.
func fold(s string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(s))
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
