"""Who gets in: the door before every route, what it remembers, its pages, and which scope a request needs."""
