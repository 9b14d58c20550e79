package flow

import "testing"

// TestRedirect: tables are replaced wherever actions name one, and what names none is the same slice.
func TestRedirect(t *testing.T) {
	to := func(table uint8) uint8 {
		if table == 160 {
			return 157
		}
		return table
	}
	for text, want := range map[string]string{
		"output:1,goto_table:160":                                         "output:1,goto_table:157",
		"resubmit(,160),resubmit(,161)":                                   "resubmit(,157),resubmit(,161)",
		"clone(resubmit(,160)),output:2":                                  "clone(resubmit(,157)),output:2",
		"ct(commit,zone=1,table=160)":                                     "ct(commit,table=157,zone=1)",
		"ct(commit,zone=1,exec(load:0x1->NXM_NX_CT_MARK[])),goto_table:8": "",
		"drop": "",
	} {
		do, err := ParseActionsText(text)
		if err != nil {
			t.Fatal(err)
		}
		before := do.String()
		got := do.Redirect(to)
		if do.String() != before {
			t.Errorf("%s: what was given has changed", text)
		}
		if want == "" {
			if len(got) != len(do) || len(got) > 0 && &got[0] != &do[0] {
				t.Errorf("%s: a copy was made of what does not change", text)
			}
			continue
		}
		wanted, err := ParseActionsText(want)
		if err != nil {
			t.Fatal(err)
		}
		if got.String() != wanted.String() {
			t.Errorf("%s becomes %s, want %s", text, got, wanted)
		}
	}
}
