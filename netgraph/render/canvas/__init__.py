"""THE PAGE: a graph, and what inputs do in it, as the data that the viewer draws.

``page.py`` puts the page together; ``subject.py`` says what is drawn; ``stored.py`` holds its edges; ``samples.py``
brings inputs in, either as frozen numbers that the page computes with (``computed.py``) or as finished flows
(``framed.py``); ``pictures.py`` adds what can be looked at. The viewer's ``core/contract.ts`` names every field.
"""
