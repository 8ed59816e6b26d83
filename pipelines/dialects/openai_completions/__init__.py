"""OpenAI's older text completions through the hub, so that chat models can answer them."""
