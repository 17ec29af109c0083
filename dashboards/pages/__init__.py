"""One module a page: its layout, its pure figures and tables, and the callbacks that connect them."""
