"""Who must know. `evaluation` and `lifecycle` step alerts from what rules found, `book` keeps them in the state database; `pipeline` works out who is told of
them now and who is not and why (`inhibit`, `silences`, `windows`, `acknowledgements`, `routes`, `groups`, `escalation`), `compose` in which words; `outbox`
holds what is to be sent and `channels/` deliver it. `replay` and `verdict` judge rules by stored history."""
