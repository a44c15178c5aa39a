# Every figure is drawn from tables, so a laptop without checkpoints or a GPU redraws them all. Figures stand in a catalogue.

# {path: what the study lacks for it} of figures that are not drawn, but for those of which a study may have several.
NOT_DRAWN = {FIGURES[name].path or name: reason for name, reason in LACKING.items() if not FIGURES[name].each}
STYLE_SHEET = SCRIPTS / "kindred" / "figures" / "layout" / "kindred.mplstyle"


localrules:
    draw_figure,


rule figures:
    """Target: all figures of the study itself as PNG and PDF."""
    input:
        drawn(),


rule jones2022:
    """Target: Jones et al. 2022, every figure of it that the study has data for."""
    input:
        lambda wildcards: demand("jones2022"),
        drawn("jones2022"),
        rules.tables.input,


rule hwang2024:
    """Target: Hwang et al. 2024, every analysis of SAT that the study has data for."""
    input:
        lambda wildcards: demand("hwang2024"),
        drawn("hwang2024"),


rule cianfarani2022:
    """Target: Cianfarani et al. 2022, layers compared: natural and adversarial, over training, by threat and design."""
    input:
        lambda wildcards: demand("cianfarani2022"),
        drawn("cianfarani2022"),


rule draw_figure:
    input:
        lambda wildcards: [table(name) for name in DRAWN[wildcards.figure].figure.tables],
    output:
        png="<results>/figures/{figure}.png",
        pdf="<results>/figures/{figure}.pdf",
    log:
        "<logs>/draw_figure/{figure}.log",
    wildcard_constraints:
        figure=one_of(DRAWN),
    conda:
        "../envs/figures.yaml"
    params:
        **uses("draw_figure", lambda wildcards: DRAWN[wildcards.figure].figure.module),
        tables=lambda wildcards: DRAWN[wildcards.figure].figure.tables,
        options=lambda wildcards: canonical(DRAWN[wildcards.figure].options),
        labels={name: measures.measure(name).label for name in config["similarity"]["measures"]},
        look={key: config["figures"][key] for key in ("dpi", "font_size")},
        sheet=fingerprint.of(STYLE_SHEET.read_text(encoding="utf-8")),
    script:
        "../scripts/draw_figure.py"


rule lacking_figure:
    """No figure: says what the study lacks for it."""
    input:
        lambda wildcards: refuse(f"{wildcards.figure} is not drawn: {NOT_DRAWN[wildcards.figure]}."),
    output:
        "<results>/figures/{figure}.png",
        "<results>/figures/{figure}.pdf",
    wildcard_constraints:
        figure=one_of(NOT_DRAWN),
