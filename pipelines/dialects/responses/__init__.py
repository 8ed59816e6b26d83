"""OpenAI's Responses through the hub: a call's way in and out, a reply's way in and out."""
