"""What a case can be asked, checked and told: tools, answers, the note; no language model yet."""
