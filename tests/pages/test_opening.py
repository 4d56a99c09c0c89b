"""The opening of a text: its first two sentences, however they end, and no word is lost."""

import pytest

from genkit.pages.opening import SHORT, opening_and_rest

pytestmark = pytest.mark.fast

REST = "This rest is long. " * (SHORT // 10)


@pytest.mark.parametrize(
    "opening",
    [
        "One. Two!",
        "beta_kl .3, beta_rec .2 and beta_neg .9 of 30,000 steps. D = 0 is another one.",
        "As Lu et al. 2022 and Foo et al. Bar say, e.g. Soft-IntroVAE (cf. Fig. A). The map. ",
        "The map of RA. .5 is chance; below it the model is wrong.",
        'Is it so? "Fixed" is a mixture.',
        "Version 1.2 of x.toml. Ähnlich.",
        "Only a short paragraph.\n\n",
        "no sentence ends here\n\n",
    ],
    ids=["plain", "numbers", "abbreviations", "number-first", "quoted", "inner", "paragraph", "no-sentence"],
)
def test_the_opening_is_two_sentences_or_a_paragraph(opening):
    assert opening_and_rest(f"{opening.rstrip(' ')} {REST}") == (opening.strip(), REST.strip())


def test_a_short_rest_and_a_text_without_sentences_are_not_folded():
    text = "One. Two. Three is short."
    assert opening_and_rest(text) == (text, "")
    assert opening_and_rest("a " * SHORT) == (("a " * SHORT).strip(), "")
    assert opening_and_rest("") == ("", "")
