"""Every kind of redundancy x request x fault x failback mode x transport, foretold and played."""
