"""A LiteLLM proxy's calls as usage records: from its webhook, and from the spend logs it keeps, over HTTP or from its database."""
