"""The site: pages in two languages, a JSON API and a feed, all from the knowledge base; `cli.site` is its command."""
