"""Real money: what is reserved, owed and paid, in write-once entries that any number of processes add to.

An account (`raydoa.account.account`) is a list of numbered entries in a store; each is created where there is none, so of
two that decide at the same moment one has to decide again, knowing of the other. What is reserved never passes the
ceiling, whoever runs beside it and however they end. A process hands parts of its reservation to its calls through a
`Purse`, which asks nobody.
"""
