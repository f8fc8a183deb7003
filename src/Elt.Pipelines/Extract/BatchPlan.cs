namespace Elt.Pipelines.Extract;

/// <summary>How the pages of an extract are cut into batches, and batches into rounds. A plan bounds what runs at once, not how much there is.</summary>
internal sealed record BatchPlan
{
    private const int Max = 10_000;

    /// <param name="batches">Batches of a round, 1 to 10 000.</param>
    /// <param name="pagesPerBatch">Pages of a batch, 1 to 10 000.</param>
    /// <exception cref="ArgumentOutOfRangeException">One of them is out of range.</exception>
    public BatchPlan(int batches, int pagesPerBatch)
    {
        Batches = Checked(batches, nameof(batches));
        PagesPerBatch = Checked(pagesPerBatch, nameof(pagesPerBatch));
    }

    /// <summary>Batches of a round.</summary>
    public int Batches { get; }

    /// <summary>Pages of a batch.</summary>
    public int PagesPerBatch { get; }

    /// <summary>Batches that hold so many pages.</summary>
    public int BatchesFor(int pages) => (int)(((long)pages + PagesPerBatch - 1) / PagesPerBatch);

    private static int Checked(int value, string name) => value is >= 1 and <= Max
        ? value
        : throw new ArgumentOutOfRangeException(name, $"{name} must be 1 to {Max}, it is {value}.");
}
