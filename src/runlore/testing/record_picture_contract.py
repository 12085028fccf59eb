"""The part of the record's contract about pictures that were drawn and kept."""

from __future__ import annotations

from runlore.model.artifact import KeptPicture
from runlore.model.change import PicturesKept, VersionSaved
from runlore.model.noun import changed
from runlore.record.port import Record
from runlore.testing.record_stories import new_version

SVG = KeptPicture(kind="image", name="plot \udc80", media_type="image/svg+xml", size=5, data=b"<svg>")
TABLE = KeptPicture(kind="csv", name="sample", media_type=None, size=4, data=b"a\n1\n")
LARGE = KeptPicture(kind="html", name="page", media_type=None, size=10**7, data=None)


class RecordPictureContract:
    """What every record promises of pictures. Give a ``record`` fixture: an empty store."""

    def test_what_was_drawn_is_kept(self, record: Record) -> None:
        """Pictures come back as they went in, in order, those too large to keep without their bytes."""
        new = new_version()
        seq = record.commit([VersionSaved(version=new)]).versions[new.id][0]
        assert record.pictures(seq) == ()

        record.commit([PicturesKept(version=seq, pictures=(SVG, TABLE, LARGE))], durable=False)
        assert record.pictures(seq) == (SVG, TABLE, LARGE)
        assert record.version(seq).content.pictures == ()

        record.commit([PicturesKept(version=seq, pictures=(TABLE,))])
        assert record.pictures(seq) == (TABLE,)

    def test_elements_have_pictures_of_their_own(self, record: Record) -> None:
        """What shows an element of a collection is apart from what shows the whole, or another element."""
        new = new_version()
        seq = record.commit([VersionSaved(version=new)]).versions[new.id][0]
        record.commit([PicturesKept(version=seq, element=0, pictures=(SVG,))])
        record.commit([PicturesKept(version=seq, element=7, pictures=(TABLE,))])

        assert [record.pictures(seq, element) for element in (0, 7, 1, None)] == [(SVG,), (TABLE,), (), ()]

    def test_pictures_come_with_a_version(self, record: Record) -> None:
        """What was drawn while a value was stored is there once its version is, in a batch as well."""
        plain = new_version()
        drawn = changed(plain, content=changed(plain.content, pictures=(SVG, LARGE)))
        with record.batch():
            seq = record.commit([VersionSaved(version=drawn)]).versions[drawn.id][0]
        again = record.commit([VersionSaved(version=drawn)]).versions[drawn.id][0]

        assert again == seq and record.pictures(seq) == (SVG, LARGE)
        assert not list(record.check())

    def test_pictures_of_nothing_are_not_kept(self, record: Record) -> None:
        """Of a version that is not there nothing is kept, and that is no error: looking goes on."""
        record.commit([PicturesKept(version=99, pictures=(SVG,))])

        assert record.pictures(99) == ()
