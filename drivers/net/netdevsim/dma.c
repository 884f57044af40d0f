// SPDX-License-Identifier: GPL-2.0
/*
 * The device that does DMA for netdevsim.
 *
 * Memory providers map their memory for a device, and keep a reference to that
 * for as long as they exist, which can be longer than the net_device and even
 * the module. So it is not the device on netdevsim's bus, whose release is in
 * the module, but a platform device, which is freed by the core.
 *
 * It has no IOMMU and no limits: a DMA address is that of the memory.
 */

#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/platform_device.h>
#include <linux/skbuff.h>

#include "netdevsim.h"

/* False e.g. with DMA ops, memory encryption or forced bounce buffers. */
static bool nsim_dma_is_direct(struct device *dev)
{
	struct page *page = alloc_page(GFP_KERNEL);
	bool direct = false;
	dma_addr_t dma;

	if (!page)
		return false;
	dma = dma_map_page(dev, page, 0, PAGE_SIZE, DMA_FROM_DEVICE);
	if (!dma_mapping_error(dev, dma)) {
		direct = dma == page_to_phys(page);
		dma_unmap_page(dev, dma, PAGE_SIZE, DMA_FROM_DEVICE);
	}
	__free_page(page);
	return direct;
}

/**
 * nsim_dma_create() - make the DMA device of a device on netdevsim's bus
 *
 * Return: the device, or NULL where it can't do DMA. Then netdevsim refuses
 * memory providers.
 */
struct platform_device *nsim_dma_create(void)
{
	const struct platform_device_info info = {
		.name = DRV_NAME "_dma",
		.id = PLATFORM_DEVID_AUTO,
		.dma_mask = DMA_BIT_MASK(64),
	};
	struct platform_device *pdev;

	if (!IS_ENABLED(CONFIG_HAS_DMA))
		return NULL;
	pdev = platform_device_register_full(&info);
	if (IS_ERR(pdev))
		return NULL;

	dma_set_max_seg_size(&pdev->dev, UINT_MAX);
#if defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_DEVICE) || \
	defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_CPU) || \
	defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_CPU_ALL)
	/* It writes by the CPU, through its caches. On a machine whose devices
	 * don't, a sync for the CPU would throw away what it has written.
	 */
	pdev->dev.dma_coherent = true;
#endif
	if (nsim_dma_is_direct(&pdev->dev))
		return pdev;
	platform_device_unregister(pdev);
	return NULL;
}

/**
 * nsim_dma_write() - write to memory as the device would
 * @dma: DMA address of the memory
 * @skb: packet with the data
 * @offset: where in @skb it begins, in bytes
 * @len: number of bytes
 *
 * Return: whether all was written. Memory that has no struct page, e.g. of
 * another device, can't be.
 */
bool nsim_dma_write(dma_addr_t dma, const struct sk_buff *skb, int offset,
		    int len)
{
	while (len) {
		int n = min_t(int, len, PAGE_SIZE - offset_in_page(dma));
		struct page *page;
		void *to;

		if (!pfn_valid(PHYS_PFN(dma)))
			return false;
		page = pfn_to_page(PHYS_PFN(dma));
		to = kmap_local_page(page);
		if (skb_copy_bits(skb, offset, to + offset_in_page(dma), n))
			n = 0;
		flush_dcache_page(page);
		kunmap_local(to);
		if (!n)
			return false;

		dma += n;
		offset += n;
		len -= n;
	}
	return true;
}
