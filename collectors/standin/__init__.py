"""Stand-in platforms: an HTTP server that plays a platform from the `standin:` section of its pack.

Records are a pure function of (seed, shape, fault log), made when they are asked for; nothing is stored. History and live
records come from the same functions, the same routes and the same paging.
"""
