"""Trading plans of people: written in chat, never overwritten, and compared with what came of them."""
