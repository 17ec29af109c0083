"""The pages people look at, the door before them and the HTTP API beside them."""
