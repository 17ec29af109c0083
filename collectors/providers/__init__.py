"""What AI providers report of an organisation's use and bill: OpenAI, Anthropic, ElevenLabs."""
