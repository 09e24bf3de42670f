"""The infection markers, the default panel and the questions of the history (D §3.1, §3.3; PD-20)."""

from enum import StrEnum

from mscbank.core.i18n import Sentence, _


class Marker(StrEnum):
    """What is tested in the donor's blood; the names are those of ISBT 128 DS027 where it has one."""

    HIV_ANTIBODY = "hiv_antibody"
    HIV_NAT = "hiv_nat"
    HBS_ANTIGEN = "hbs_antigen"
    HBC_ANTIBODY = "hbc_antibody"
    HBV_NAT = "hbv_nat"
    HCV_ANTIBODY = "hcv_antibody"
    HCV_NAT = "hcv_nat"
    SYPHILIS = "syphilis"
    HTLV_ANTIBODY = "htlv_antibody"
    CMV_ANTIBODY = "cmv_antibody"
    EBV_ANTIBODY = "ebv_antibody"
    TOXOPLASMA_ANTIBODY = "toxoplasma_antibody"
    CHAGAS_ANTIBODY = "chagas_antibody"
    MALARIA = "malaria"
    WNV_NAT = "wnv_nat"


M = Marker

PANEL: tuple[Marker, ...] = (
    M.HIV_ANTIBODY,
    M.HIV_NAT,
    M.HBS_ANTIGEN,
    M.HBC_ANTIBODY,
    M.HBV_NAT,
    M.HCV_ANTIBODY,
    M.HCV_NAT,
    M.SYPHILIS,
    M.HTLV_ANTIBODY,
    M.CMV_ANTIBODY,
)
"""The ten markers of PD-20, the union of the EU, French and American lists (D §3.1)."""

FOR_INFORMATION = frozenset({M.CMV_ANTIBODY, M.EBV_ANTIBODY, M.TOXOPLASMA_ANTIBODY})
"""A positive finding here is told to the prescriber and makes nobody ineligible (D §3.3)."""

MARKER_WORDS: dict[Marker, Sentence] = {
    M.HIV_ANTIBODY: _("HIV-1/2 antibody and antigen"),
    M.HIV_NAT: _("HIV-1 NAT"),
    M.HBS_ANTIGEN: _("HBs antigen"),
    M.HBC_ANTIBODY: _("Anti-HBc, total"),
    M.HBV_NAT: _("HBV NAT"),
    M.HCV_ANTIBODY: _("Anti-HCV"),
    M.HCV_NAT: _("HCV NAT"),
    M.SYPHILIS: _("Syphilis"),
    M.HTLV_ANTIBODY: _("HTLV-I/II antibody"),
    M.CMV_ANTIBODY: _("CMV IgG"),
    M.EBV_ANTIBODY: _("EBV antibody"),
    M.TOXOPLASMA_ANTIBODY: _("Toxoplasma antibody"),
    M.CHAGAS_ANTIBODY: _("Chagas antibody"),
    M.MALARIA: _("Malaria"),
    M.WNV_NAT: _("West Nile virus NAT"),
}

AGENTS: dict[Marker, str] = {
    M.HIV_ANTIBODY: "HIV",
    M.HIV_NAT: "HIV",
    M.HBS_ANTIGEN: "HBV",
    M.HBC_ANTIBODY: "HBV",
    M.HBV_NAT: "HBV",
    M.HCV_ANTIBODY: "HCV",
    M.HCV_NAT: "HCV",
    M.SYPHILIS: "Treponema pallidum",
    M.HTLV_ANTIBODY: "HTLV",
    M.CMV_ANTIBODY: "CMV",
    M.EBV_ANTIBODY: "EBV",
    M.TOXOPLASMA_ANTIBODY: "Toxoplasma gondii",
    M.CHAGAS_ANTIBODY: "Trypanosoma cruzi",
    M.MALARIA: "Plasmodium",
    M.WNV_NAT: "West Nile virus",
}
"""The agent that a label statement names: one line an agent, however many of its markers react."""


class Outcome(StrEnum):
    """What the laboratory reported. An unusable sample is a result too; it never counts as negative."""

    NON_REACTIVE = "non_reactive"
    REACTIVE = "reactive"
    INDETERMINATE = "indeterminate"
    SAMPLE_UNUSABLE = "sample_unusable"


OUTCOME_WORDS: dict[Outcome, Sentence] = {
    Outcome.NON_REACTIVE: _("Non-reactive"),
    Outcome.REACTIVE: _("Reactive"),
    Outcome.INDETERMINATE: _("Indeterminate"),
    Outcome.SAMPLE_UNUSABLE: _("Sample unusable"),
}


class Dilution(StrEnum):
    """How far transfused or infused fluids diluted the sample (2006/17 Annex II 2.3)."""

    NONE = "none"
    UP_TO_HALF = "up_to_half"
    MORE_VALIDATED = "more_validated"
    MORE = "more"


DILUTION_WORDS: dict[Dilution, Sentence] = {
    Dilution.NONE: _("No fluids before the sample"),
    Dilution.UP_TO_HALF: _("Diluted by half at most"),
    Dilution.MORE_VALIDATED: _("Diluted by more than half, kit validated for it"),
    Dilution.MORE: _("Diluted by more than half"),
}


class Topic(StrEnum):
    """What the history must ask (2006/17 Annex I; partly from general knowledge, D §3.3)."""

    PRION_DISEASE = "prion_disease"
    PITUITARY_DURA_CORNEA = "pituitary_dura_cornea"
    NEURODEGENERATION = "neurodegeneration"
    MALIGNANCY = "malignancy"
    SYSTEMIC_INFECTION = "systemic_infection"
    RISK_BEHAVIOUR = "risk_behaviour"
    UNKNOWN_AETIOLOGY = "unknown_aetiology"
    TOXIC_EXPOSURE = "toxic_exposure"
    LIVE_VACCINE = "live_vaccine"
    XENOTRANSPLANT = "xenotransplant"
    TRANSFUSION_ABROAD = "transfusion_abroad"
    PREGNANCY = "pregnancy"
    RECENT_TATTOO = "recent_tattoo"
    FEVER = "fever"
    TRAVEL = "travel"
    UNFIT_FOR_ASPIRATION = "unfit_for_aspiration"


T = Topic

TEMPORARY = frozenset(
    {T.LIVE_VACCINE, T.PREGNANCY, T.RECENT_TATTOO, T.FEVER, T.TRAVEL, T.UNFIT_FOR_ASPIRATION}
)
"""These pass: the donor is deferred until a date."""

TOPIC_WORDS: dict[Topic, Sentence] = {
    T.PRION_DISEASE: _("CJD or vCJD, or in the family"),
    T.PITUITARY_DURA_CORNEA: _("Pituitary hormone, dura mater or cornea received"),
    T.NEURODEGENERATION: _("Unexplained neuro-degeneration"),
    T.MALIGNANCY: _("Malignancy"),
    T.SYSTEMIC_INFECTION: _("Systemic infection"),
    T.RISK_BEHAVIOUR: _("Risk behaviour"),
    T.UNKNOWN_AETIOLOGY: _("Disease of unknown cause"),
    T.TOXIC_EXPOSURE: _("Toxic exposure"),
    T.LIVE_VACCINE: _("Recent live vaccine"),
    T.XENOTRANSPLANT: _("Xenotransplant"),
    T.TRANSFUSION_ABROAD: _("Transfusion abroad"),
    T.PREGNANCY: _("Pregnancy or breast-feeding"),
    T.RECENT_TATTOO: _("Recent tattoo or piercing"),
    T.FEVER: _("Fever"),
    T.TRAVEL: _("Travel to a risk area"),
    T.UNFIT_FOR_ASPIRATION: _("Unfit for anaesthesia or aspiration"),
}
