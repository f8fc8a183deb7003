using System.Globalization;
using Elt.Pipelines.Sources;

namespace Elt.Pipelines.Backfills;

/// <summary>What a backfill reads.</summary>
/// <param name="From">Records that were changed then or later.</param>
/// <param name="To">Records that were changed before; <see langword="null"/> for no end.</param>
/// <param name="AsksSince">Whether the source is asked only for what was changed since <paramref name="From"/>; else it is asked for everything.</param>
internal sealed record BackfillRange(DateTimeOffset From, DateTimeOffset? To, bool AsksSince)
{
    /// <summary>What its source is asked for; <see langword="null"/> for the plain list.</summary>
    // A source may take a time as one to be passed; what comes too much is left out below.
    public Reading? Reading => AsksSince ? new Reading(From.AddMilliseconds(-1).ToString("O", CultureInfo.InvariantCulture)) : null;

    /// <summary>The range.</summary>
    /// <exception cref="ArgumentException">There is nothing in it.</exception>
    public BackfillRange Checked() => To is not { } end || end > From
        ? this
        : throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"to must be after from ({From:u}), it is {end:u}."));

    /// <summary>A page without the records that were changed outside of the range. What it lacks, and how much it declares, proves nothing then.</summary>
    public SourcePage Narrow(SourcePage page) =>
        page with { Records = [.. page.Records.Where(Holds)], DeclaredTotal = null, Absence = AbsenceProof.Nothing };

    // One that does not say when it was changed may fill a gap; it never overwrites anything.
    private bool Holds(SourceRecord record) => record.UpdatedAt is not { } changed || (changed >= From && (To is not { } end || changed < end));
}
