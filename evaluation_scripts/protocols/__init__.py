"""Which records are tested for what: the published test sets, by the published protocol and a corrected one."""
