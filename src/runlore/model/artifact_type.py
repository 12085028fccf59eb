"""Artifact types: what a value is to its users."""

from __future__ import annotations

from enum import StrEnum


class ArtifactType(StrEnum):
    """What an artifact is to its users, whatever its Python class."""

    DATA = "DataArtifact"
    MODEL = "ModelArtifact"
    ANALYSIS = "DataAnalysisArtifact"
    SERVICE = "ServiceArtifact"
    OTHER = "BaseArtifact"
