"""What sources call providers and models, and what price lists call them."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

_SPELLINGS = {
    "anthropic": "anthropic_text vertex_ai-anthropic_models claude",
    "aws": "bedrock bedrock_converse aws_bedrock aws-bedrock amazon-bedrock amazon_bedrock amazon sagemaker",
    "azure": "azure_openai azure-openai azure_ai azure-ai azure_text az microsoft",
    "cerebras": "",
    "cloudflare": "workers_ai workers-ai",
    "cohere": "cohere_chat",
    "databricks": "",
    "deepgram": "",
    "deepseek": "",
    "elevenlabs": "eleven_labs eleven-labs",
    "fireworks": "fireworks_ai fireworks-ai",
    "github-copilot": "github_copilot copilot",
    "google": "gemini vertex vertex_ai vertexai vertex_ai_beta vertex-ai google-gla google-vertex google_vertex google-genai google_genai"
    " google_generativeai google-generative-ai palm gcp vertex_ai-language-models vertex_ai-vision-models vertex_ai-embedding-models",
    "groq": "",
    "meta": "meta_llama meta-llama llama_api",
    "minimax": "",
    "mistral": "mistralai mistral_ai mistral-ai codestral",
    "moonshotai": "moonshot moonshot_ai moonshot-ai kimi",
    "novita": "novita_ai novita-ai",
    "openai": "openai_chat text-completion-openai openai_like custom_openai chatgpt",
    "openrouter": "open_router",
    "ovhcloud": "ovh",
    "perplexity": "perplexity_ai perplexity-ai pplx",
    "together": "together_ai together-ai togetherai",
    "voyageai": "voyage voyage_ai",
    "x-ai": "xai x_ai grok",
    "zai": "z_ai z-ai z.ai",
    "zhipuai": "zhipu zhipu_ai",
}
_CANONICAL = {word: name for name, words in _SPELLINGS.items() for word in (name, *words.split())}
# Dotted names of the OpenTelemetry conventions: what follows the first dot says which of a company's services it is.
_CANONICAL |= {
    "aws.bedrock": "aws", "aws.sagemaker": "aws", "azure.ai.openai": "azure", "azure.ai.inference": "azure", "az.ai.openai": "azure",
    "az.ai.inference": "azure", "gcp.gemini": "google", "gcp.gen_ai": "google", "gcp.vertex_ai": "google", "google.generative-ai": "google",
    "google.vertex": "google", "moonshot.ai": "moonshotai",
}  # fmt: skip
CANONICAL = MappingProxyType(_CANONICAL)
NAMES = frozenset(CANONICAL.values())
THROUGH = frozenset({"litellm", "litellm_proxy", "litellm-proxy"})
"""Names of a gateway: the model's own prefix says whose it is."""
FOLDERS = frozenset(
    {"models", "publishers", "accounts", "deployments", "foundation-model", "responses", "chat", "invoke", "converse"}
)


def provider_of(name: str) -> str:
    """The name price lists use for a provider; its own name in small letters where none is known."""
    word = name.strip().lower()
    if word in CANONICAL:
        return CANONICAL[word]
    # `openai.chat`, `anthropic.messages`: a client's name for one of a provider's services.
    head = word.partition(".")[0]
    return CANONICAL.get(head, word) if head != word else word


def references(provider: str, model: str) -> Iterator[tuple[str, str]]:
    """The (provider, model) that a call's names may stand for in a price list, likeliest first; `gemini/gemini-2.5-pro` is two of them."""
    name, whose = model.strip(), provider_of(provider)
    if whose in THROUGH:
        head, slash, rest = name.partition("/")
        if not slash:
            return
        name, whose = rest, provider_of(head)
    seen: set[str] = set()
    while name and name not in seen:
        seen.add(name)
        yield whose, name
        head, slash, rest = name.partition("/")
        if slash and (provider_of(head) in NAMES or provider_of(head) == whose or head.lower() in FOLDERS):
            name = rest
        elif "@" in name:  # Vertex: claude-sonnet-4@20250514
            name = name.replace("@", "-")
        else:
            return
